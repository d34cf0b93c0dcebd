"""Addresses of the explorer app's pages."""

from django.urls import URLPattern, URLResolver, path

from apps.common.shared_pages import share
from apps.explorer import views, views_accounts, views_contents, views_models, views_network

app_name = "explorer"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", share(views.home, "round", "mempool", "pool_best"), name="home"),
    path("blocks/", share(views.block_list), name="block_list"),
    path("blocks/<str:name>/", share(views.block_detail), name="block_detail"),
    path(
        "transactions/<str:txid>/",
        share(views_accounts.transaction_detail, "mempool"),
        name="transaction_detail",
    ),
    path("addresses/<str:address>/", share(views_accounts.address_detail, "mempool"), name="address_detail"),
    path("addresses/<str:address>/mined/", share(views_accounts.address_mined), name="address_mined"),
    path("mempool/", share(views_network.mempool, "mempool"), name="mempool"),
    path("network/", share(views_network.network, "round"), name="network"),
    path("search/", share(views_network.search), name="search"),
    path("models/", share(views_models.model_list), name="model_list"),
    path("models/<str:model>/", share(views_models.model_detail), name="model_detail"),
    path("models/<str:model>/report/", views_models.model_report, name="model_report"),
    path("problems/", share(views_contents.problem_list), name="problem_list"),
    path("problems/<str:problem_id>/", share(views_contents.problem_detail), name="problem_detail"),
    path("grammars/", share(views_contents.grammar_list), name="grammar_list"),
    path("grammars/<str:grammar_id>/", share(views_contents.grammar_detail), name="grammar_detail"),
    path("fragments/tiles/<str:name>/", views.block_tile, name="block_tile"),
    path(
        "fragments/transactions/<str:txid>/", views_accounts.transaction_standing, name="transaction_standing"
    ),
    path("fragments/mempool/", views_network.mempool_now, name="mempool_now"),
    path("fragments/network/", views_network.network_now, name="network_now"),
    path("fragments/peers/", views_network.peers_now, name="peers_now"),
    path("fragments/health/", views_network.health_now, name="health_now"),
    path("fragments/numbers/", views.numbers, name="numbers"),
    path("fragments/glyph.svg", views.glyph, name="glyph"),
    path("fragments/examples/<str:problem_id>.png", views.examples, name="examples"),
    path(
        "fragments/examples/<str:problem_id>/<int:number>.png",
        views_contents.example_picture,
        name="example_picture",
    ),
    path(
        "fragments/examples/<str:problem_id>/<int:number>.json",
        views_contents.example_values,
        name="example_values",
    ),
]
