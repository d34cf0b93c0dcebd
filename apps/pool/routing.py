"""WebSocket addresses of the pool app."""

from django.urls import URLPattern, path

from apps.pool.consumers import PoolConsumer

websocket_urlpatterns: list[URLPattern] = [path("ws/pool/", PoolConsumer.as_asgi())]
