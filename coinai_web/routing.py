"""All WebSocket addresses of the site."""

from django.urls import re_path

from apps.chain.routing import websocket_urlpatterns as chain_patterns
from apps.common.consumers import RefusingConsumer
from apps.common.routing import websocket_urlpatterns as common_patterns
from apps.explorer.routing import websocket_urlpatterns as explorer_patterns
from apps.pool.routing import websocket_urlpatterns as pool_patterns

websocket_urlpatterns = [
    *common_patterns,
    *chain_patterns,
    *pool_patterns,
    *explorer_patterns,
    re_path(r"", RefusingConsumer.as_asgi()),
]
