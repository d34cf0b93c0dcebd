"""An empty page from a little server, in which tests load the site's JavaScript modules."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from playwright.sync_api import Browser, Page


@contextmanager
def open_module_page(browser: Browser, handler: type[BaseHTTPRequestHandler]) -> Iterator[Page]:
    """The page at the root of a server that answers with ``handler``; both end with the block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    context = browser.new_context()
    try:
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{server.server_address[1]}/")
        yield page
    finally:
        context.close()
        server.shutdown()
        server.server_close()
        thread.join()
