"""Addresses of the wallet app's pages."""

from django.urls import URLPattern, URLResolver, include, path

from apps.wallet import views_faucet

app_name = "wallet"
urlpatterns: list[URLPattern | URLResolver] = [
    path("wallet/", include("apps.wallet.page_urls")),
    path("faucet/", views_faucet.faucet_page, name="faucet"),
    path("faucet/grants/<uuid:grant>/", views_faucet.faucet_grant, name="faucet_grant"),
]
