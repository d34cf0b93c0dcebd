"""All WebSocket addresses of the site."""

from apps.common.routing import websocket_urlpatterns as common_patterns
from apps.explorer.routing import websocket_urlpatterns as explorer_patterns
from apps.pool.routing import websocket_urlpatterns as pool_patterns

websocket_urlpatterns = [*common_patterns, *pool_patterns, *explorer_patterns]
