"""Addresses of the governance app's pages. They stand before the explorer's, whose patterns take any name."""

from django.urls import URLPattern, URLResolver, path

from apps.governance import views_propose

app_name = "governance"
urlpatterns: list[URLPattern | URLResolver] = [
    path("problems/propose/", views_propose.problem_propose, name="problem_propose"),
    path("grammars/playground/", views_propose.grammar_playground, name="grammar_playground"),
]
