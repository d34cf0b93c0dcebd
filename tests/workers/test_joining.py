"""What a worker asks a site before it mines: again while the site fails, not when it refuses."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from workers import joining
from workers.joining import JoinRefusedError, read_network


class Site(ThreadingHTTPServer):
    """Answers with each status in turn, and with the last one for ever."""

    statuses: list[int]
    asked = 0


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        site = self.server
        assert isinstance(site, Site)
        site.asked += 1
        self.send_response(site.statuses.pop(0) if len(site.statuses) > 1 else site.statuses[0])
        self.end_headers()
        self.wfile.write(b'{"network": "testing", "code": 1117, "detail": "The database is away."}')

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(joining, "PAUSES", (0.01, 0.01))
    made = Site(("127.0.0.1", 0), Handler)
    threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def read(site: Site) -> str:
    return read_network(f"http://127.0.0.1:{site.server_port}")


def test_a_site_that_fails_is_asked_again(site: Site) -> None:
    site.statuses = [503, 502, 200]
    assert read(site) == "testing"
    assert site.asked == 3


@pytest.mark.parametrize(("status", "asked"), [(503, 3), (403, 1)])
def test_a_site_that_goes_on_failing_or_refuses_ends_it(status: int, asked: int, site: Site) -> None:
    site.statuses = [status]
    with pytest.raises(JoinRefusedError, match="database is away"):
        read(site)
    assert site.asked == asked
