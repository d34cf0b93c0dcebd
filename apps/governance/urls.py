"""Addresses of the governance app's pages. They stand before the explorer's, whose patterns take any name."""

from django.urls import URLPattern, URLResolver, path

from apps.governance import views_propose, views_votes

app_name = "governance"
urlpatterns: list[URLPattern | URLResolver] = [
    path("problems/propose/", views_propose.problem_propose, name="problem_propose"),
    path("grammars/playground/", views_propose.grammar_playground, name="grammar_playground"),
    path("proposals/", views_votes.proposal_list, name="proposal_list"),
    path("proposals/<str:txid>/", views_votes.proposal_detail, name="proposal_detail"),
    path("draws/", views_votes.draw_list, name="draw_list"),
    path("draws/<int:height>/", views_votes.draw_detail, name="draw_detail"),
]
