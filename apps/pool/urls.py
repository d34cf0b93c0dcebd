"""Addresses of the pool app's pages."""

from django.urls import URLPattern, URLResolver, include, path

from apps.common.shared_pages import share
from apps.pool import views

app_name = "pool"
urlpatterns: list[URLPattern | URLResolver] = [
    path("pool/", share(views.pool, "pool_best"), name="pool"),
    path("pool/", include("apps.pool.join_urls")),
    path("pool/receipts/<str:block>/", views.receipt, name="receipt"),
    path("pool/members/<str:address>/", views.member, name="member"),
    path("pool/members/<str:address>/payment/", views.change_payment, name="change_payment"),
    path("pool/members/<str:address>/alerts/", views.change_alerts, name="change_alerts"),
    path("pool/workers/<str:worker>/", views.worker, name="worker"),
    path("pool/runs/", views.runs, name="runs"),
]
