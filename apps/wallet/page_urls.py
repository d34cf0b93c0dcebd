"""Addresses of the wallet's own pages, all under `/wallet/`."""

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
