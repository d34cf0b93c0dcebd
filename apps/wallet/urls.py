"""Addresses of the wallet app's pages."""

from django.urls import URLPattern, URLResolver, include, path

app_name = "wallet"
urlpatterns: list[URLPattern | URLResolver] = [
    path("wallet/", include("apps.wallet.page_urls")),
]
