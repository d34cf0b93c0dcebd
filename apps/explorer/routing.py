"""WebSocket addresses of the explorer app."""

from django.urls import URLPattern

websocket_urlpatterns: list[URLPattern] = []
