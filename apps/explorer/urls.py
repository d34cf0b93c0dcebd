"""Addresses of the explorer app's pages."""

from django.urls import URLPattern, URLResolver

app_name = "explorer"
urlpatterns: list[URLPattern | URLResolver] = []
