"""WebSocket addresses of the common app."""

from django.urls import path

from apps.common.consumers import serve_live

# Channels routes ASGI applications with Django's own function for views.
websocket_urlpatterns = [path("ws/live/", serve_live)]  # type: ignore[arg-type]
