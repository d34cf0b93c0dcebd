"""Addresses of the pool app's pages."""

from django.urls import URLPattern, URLResolver

app_name = "pool"
urlpatterns: list[URLPattern | URLResolver] = []
