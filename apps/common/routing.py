"""WebSocket addresses of the common app."""

from django.urls import path

from apps.common.consumers import LiveConsumer

websocket_urlpatterns = [path("ws/live/", LiveConsumer.as_asgi())]
