"""Addresses of the storage app's pages. They stand before the explorer's, whose patterns take any name."""

from django.urls import URLPattern, URLResolver, path

from apps.common.shared_pages import share
from apps.storage import views

app_name = "storage"
urlpatterns: list[URLPattern | URLResolver] = [
    path("keepers/", share(views.keeper_list), name="keeper_list"),
    path("keepers/join/", views.keeper_join, name="keeper_join"),
    path("keepers/<str:address>/", share(views.keeper_detail), name="keeper_detail"),
    path("audits/", share(views.audit_list), name="audit_list"),
    path("audits/<int:height>/<int:number>/", share(views.audit_detail), name="audit_detail"),
]
