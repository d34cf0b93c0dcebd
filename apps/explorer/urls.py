"""Addresses of the explorer app's pages."""

from django.urls import URLPattern, URLResolver, path

from apps.explorer import views, views_accounts, views_network

app_name = "explorer"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.home, name="home"),
    path("blocks/", views.block_list, name="block_list"),
    path("blocks/<str:name>/", views.block_detail, name="block_detail"),
    path("transactions/<str:txid>/", views_accounts.transaction_detail, name="transaction_detail"),
    path("addresses/<str:address>/", views_accounts.address_detail, name="address_detail"),
    path("addresses/<str:address>/mined/", views_accounts.address_mined, name="address_mined"),
    path("mempool/", views_network.mempool, name="mempool"),
    path("network/", views_network.network, name="network"),
    path("search/", views_network.search, name="search"),
    path("fragments/tiles/<str:name>/", views.block_tile, name="block_tile"),
    path(
        "fragments/transactions/<str:txid>/", views_accounts.transaction_standing, name="transaction_standing"
    ),
    path("fragments/mempool/", views_network.mempool_now, name="mempool_now"),
    path("fragments/network/", views_network.network_now, name="network_now"),
    path("fragments/numbers/", views.numbers, name="numbers"),
    path("fragments/glyph.svg", views.glyph, name="glyph"),
    path("fragments/examples/<str:problem_id>.png", views.examples, name="examples"),
]
