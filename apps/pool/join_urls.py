"""Addresses of joining, below `/pool/`."""

from django.urls import URLPattern, URLResolver, path

from apps.pool import views_join

urlpatterns: list[URLPattern | URLResolver] = [
    path("join/", views_join.join, name="join"),
    path("worker/<str:name>", views_join.wheel, name="wheel"),
]
