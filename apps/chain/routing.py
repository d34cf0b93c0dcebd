"""WebSocket addresses of the chain app."""

from django.urls import URLPattern, path

from apps.chain.consumers import NodeConsumer

websocket_urlpatterns: list[URLPattern] = [path("ws/node/", NodeConsumer.as_asgi())]
