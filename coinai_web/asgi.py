"""What uvicorn serves: HTTP through Django's WSGI handler in threads, WebSockets through Channels."""

import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "coinai_web.settings")
os.environ.setdefault(
    "COINAI_DB_POOL", "1"
)  # this process has many threads: they share a pool of connections

from coinai_web.wsgi import application as wsgi_application  # noqa: I001  sets Django up, so it comes first

from a2wsgi import WSGIMiddleware
from channels.routing import ProtocolTypeRouter, URLRouter

from apps.common.metrics_web import count_sockets
from coinai_web.routing import websocket_urlpatterns

application = ProtocolTypeRouter(
    {
        "http": WSGIMiddleware(wsgi_application, workers=16),  # type: ignore[arg-type]  # two stubs of one type
        "websocket": count_sockets(URLRouter(websocket_urlpatterns)),
    }
)

# One event loop writes to all sockets, and gives the interpreter away at each write. While threads compute a
# page or a batch of heartbeats it waits for their turns, by default 5 ms each: 500 writes beside two such
# threads took 1.1 to 1.9 times as long in the median, twice as long in the worst tenth (docs/decisions/0029).
sys.setswitchinterval(0.0005)
