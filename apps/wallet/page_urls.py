"""Addresses of the wallet's own pages, all under `/wallet/`."""

from django.urls import URLPattern, URLResolver, path

from apps.wallet.views import PAGES, wallet_page

urlpatterns: list[URLPattern | URLResolver] = [
    path("" if name == "overview" else f"{name}/", wallet_page, {"name": name}, name=name) for name in PAGES
]
