"""The object cache: only verified bytes, downloaded once, within the quota."""

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from protocol.merkle import object_id
from tests.workers.conftest import Site
from workers.objects import ObjectCache, ObjectError

LIMIT = 10_000


def test_an_object_is_downloaded_once(site: Site, cache: ObjectCache) -> None:
    name = site.add(b"digits" * 500)
    assert cache.read(name, max_bytes=LIMIT) == b"digits" * 500
    assert cache.read(name, max_bytes=LIMIT) == b"digits" * 500
    assert len(site.requests) == 1


def test_another_process_finds_it_in_the_folder(site: Site, cache: ObjectCache) -> None:
    name = site.add(b"shared")
    cache.fetch(name, max_bytes=LIMIT)
    assert ObjectCache(cache.folder, site.url).read(name, max_bytes=LIMIT) == b"shared"
    assert len(site.requests) == 1


def test_it_refuses_other_bytes_than_the_id_names(site: Site, cache: ObjectCache) -> None:
    name = object_id(b"what was asked for")
    site.objects[name] = b"something else"
    with pytest.raises(ObjectError, match="other bytes"):
        cache.fetch(name, max_bytes=LIMIT)
    assert not [path for path in cache.folder.rglob("*") if path.is_file()]


def test_a_damaged_file_is_downloaded_again(site: Site, cache: ObjectCache) -> None:
    name = site.add(b"x" * 3000)
    cache.fetch(name, max_bytes=LIMIT).write_bytes(b"x" * 2999 + b"y")
    assert ObjectCache(cache.folder, site.url).read(name, max_bytes=LIMIT) == b"x" * 3000
    assert len(site.requests) == 2


def test_it_stops_at_the_size_that_the_caller_allows(site: Site, cache: ObjectCache) -> None:
    name = site.add(b"x" * (LIMIT + 1))
    with pytest.raises(ObjectError, match="more than 10000 bytes"):
        cache.fetch(name, max_bytes=LIMIT)


def test_a_missing_object_is_an_error_that_names_it(site: Site, cache: ObjectCache) -> None:
    with pytest.raises(ObjectError, match="404"):
        cache.fetch("ab" * 32, max_bytes=LIMIT)


def test_an_unreachable_site_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ObjectError, match="could not be read"):
        ObjectCache(tmp_path, "http://127.0.0.1:1").fetch("ab" * 32, max_bytes=LIMIT)


@pytest.mark.parametrize("name", ["", "ab" * 31, "AB" * 32, "../" * 21 + "x"])
def test_it_asks_for_nothing_that_is_no_id(name: str, site: Site, cache: ObjectCache) -> None:
    with pytest.raises(ObjectError, match="no object id"):
        cache.fetch(name, max_bytes=LIMIT)
    assert not site.requests


def test_the_least_recently_used_objects_make_room(site: Site, tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, site.url, quota=2500)
    names = [site.add(bytes([number]) * 1000) for number in range(3)]
    for age, name in enumerate(names):
        cache.read(name, max_bytes=LIMIT)
        if age < 2:
            os.utime(tmp_path / name[:2] / name, (1000 + age, 1000 + age))
    assert not (tmp_path / names[0][:2] / names[0]).exists()
    assert cache.read(names[1], max_bytes=LIMIT) == bytes([1]) * 1000
    assert len(site.requests) == 3


def test_what_is_in_use_is_never_removed_by_any_process(site: Site, tmp_path: Path) -> None:
    mine, other = (ObjectCache(tmp_path, site.url, quota=2500) for _ in range(2))
    names = [site.add(bytes([number]) * 1000) for number in range(4)]
    path = mine.fetch(names[0], max_bytes=LIMIT)
    os.utime(path, (1000, 1000))
    for name in names[1:]:
        other.read(name, max_bytes=LIMIT)
    assert path.read_bytes() == bytes(1000)
    assert len(list(tmp_path.glob("??/*"))) == 2
    for name in names[1:3]:
        mine.fetch(name, max_bytes=LIMIT)  # two others since: the first is over
    os.utime(path, (1000, 1000))
    other.read(names[3], max_bytes=LIMIT)
    assert not path.exists()


class Keepers:
    """Keepers on loopback, each with what it gives for any object; and what the site says of them."""

    def __init__(self, site: Site, *gives: bytes) -> None:
        self.asked: list[int] = []
        self.servers = []
        for number, data in enumerate(gives):
            self.servers.append(self.start(number, data))
        rows = [
            {"keeper": "cai1", "endpoint": f"http://127.0.0.1:{server.server_port}", "proven": number == 0}
            for number, server in enumerate(self.servers)
        ]
        self.list = json.dumps({"items": rows, "next": None}).encode()
        self.site = site

    def start(self, number: int, data: bytes) -> ThreadingHTTPServer:
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(number)
                self.send_response(200 if data else 302)
                self.send_header("Location", "http://169.254.169.254/")
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server

    def announce(self, object_id: str) -> None:
        """Have the site, which lacks the object, name them."""
        self.site.objects[f"{object_id}/replicas"] = self.list

    def stop(self) -> None:
        for server in self.servers:
            server.shutdown()
            server.server_close()


def test_what_the_site_lacks_comes_from_the_keepers_checked(site: Site, cache: ObjectCache) -> None:
    data = b"held by keepers" * 100
    keepers = Keepers(site, b"something else", b"", data)
    try:
        keepers.announce(object_id(data))
        assert cache.read(object_id(data), max_bytes=LIMIT) == data
        assert keepers.asked[0] == 0  # whoever has proven it is asked first
        assert keepers.asked[-1] == 2
    finally:
        keepers.stop()


def test_private_keepers_are_not_reached_for_a_site_elsewhere(
    site: Site, cache: ObjectCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    keepers = Keepers(site, b"x")
    try:
        monkeypatch.setattr("workers.keepers.is_loopback", lambda _url: False)
        keepers.announce(object_id(b"x"))
        with pytest.raises(ObjectError, match="no keeper gave it"):
            cache.read(object_id(b"x"), max_bytes=LIMIT)
        assert not keepers.asked
    finally:
        keepers.stop()


@pytest.mark.parametrize(
    "answer", [b"", b"[]", b"{", b'{"items": [5, {"endpoint": 5}, {"endpoint": "file:///x"}]}']
)
def test_a_list_of_keepers_that_is_none_is_an_error(site: Site, cache: ObjectCache, answer: bytes) -> None:
    site.objects["ab" * 32 + "/replicas"] = answer
    with pytest.raises(ObjectError, match="404"):
        cache.fetch("ab" * 32, max_bytes=LIMIT)
