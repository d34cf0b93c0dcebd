"""Addresses of the explorer app's pages."""

from django.urls import URLPattern, URLResolver, path

from apps.explorer import views

app_name = "explorer"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.home, name="home"),
    path("blocks/", views.block_list, name="block_list"),
    path("blocks/<str:name>/", views.block_detail, name="block_detail"),
    path("transactions/<str:txid>/", views.transaction_detail, name="transaction_detail"),
    path("addresses/<str:address>/", views.address_detail, name="address_detail"),
    path("fragments/tiles/<str:name>/", views.block_tile, name="block_tile"),
    path("fragments/numbers/", views.numbers, name="numbers"),
    path("fragments/glyph.svg", views.glyph, name="glyph"),
    path("fragments/examples/<str:problem_id>.png", views.examples, name="examples"),
]
