"""Addresses of the governance app's pages. They stand before the explorer's, whose patterns take any name."""

from django.urls import URLPattern, URLResolver, path

from apps.common.shared_pages import share
from apps.governance import views_propose, views_votes

app_name = "governance"
urlpatterns: list[URLPattern | URLResolver] = [
    path("problems/propose/", views_propose.problem_propose, name="problem_propose"),
    path("grammars/playground/", views_propose.grammar_playground, name="grammar_playground"),
    path("proposals/", share(views_votes.proposal_list), name="proposal_list"),
    path("proposals/<str:txid>/", share(views_votes.proposal_detail), name="proposal_detail"),
    path("draws/", share(views_votes.draw_list), name="draw_list"),
    path("draws/<int:height>/", share(views_votes.draw_detail), name="draw_detail"),
]
