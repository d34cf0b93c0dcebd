"""A keeper's server: the objects of its folder, in ranges and with proofs, and nothing else."""

import base64
import http.client
import json
import random
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from apps.common.object_folder import ObjectFolder
from protocol.merkle import GROUP_BYTES, chunk_path, is_included, object_id
from tests.apps.storage.keeping.sources import honest

DATA = random.Random(9).randbytes(2 * GROUP_BYTES + 777)
NAME = object_id(DATA)
PATH = f"/api/v1/objects/{NAME}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> ObjectFolder:
    folder = ObjectFolder(tmp_path_factory.mktemp("keeper") / "objects")
    folder.put_stream([DATA], max_bytes=len(DATA))
    (folder.root.parent / "key").write_text("secret")
    return folder


@pytest.fixture(scope="module")
def site(folder: ObjectFolder) -> Iterator[str]:
    with honest(folder) as url:
        yield url


class Answer:
    """An answer, read."""

    def __init__(self, site: str, path: str, method: str = "GET", **headers: str) -> None:
        connection = http.client.HTTPConnection(urlsplit(site).netloc, timeout=60)
        connection.request(
            method, path, headers={key.replace("_", "-"): value for key, value in headers.items()}
        )
        response = connection.getresponse()
        self.status, self.headers, self.body = response.status, response.headers, response.read()
        connection.close()


def test_it_gives_the_whole_object(site: str) -> None:
    answer = Answer(site, PATH)
    assert (answer.status, answer.body) == (200, DATA)
    assert answer.headers["Content-Length"] == str(len(DATA))
    assert answer.headers["ETag"] == f'"{NAME}"'
    assert "immutable" in answer.headers["Cache-Control"]


def test_it_gives_only_the_headers_for_head(site: str) -> None:
    answer = Answer(site, PATH, "HEAD")
    assert (answer.status, answer.body, answer.headers["Content-Length"]) == (200, b"", str(len(DATA)))


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [("bytes=0-0", 0, 1), ("bytes=300000-300999", 300000, 301000), ("bytes=-5", len(DATA) - 5, len(DATA))],
)
def test_it_gives_ranges(site: str, header: str, start: int, end: int) -> None:
    answer = Answer(site, PATH, Range=header)
    assert (answer.status, answer.body) == (206, DATA[start:end])
    assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(DATA)}"


def test_it_refuses_ranges_that_are_outside(site: str) -> None:
    answer = Answer(site, PATH, Range="bytes=9999999-")
    assert answer.status == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(DATA)}"
    assert json.loads(answer.body)["code"] == 1112


def test_it_says_when_nothing_has_changed(site: str) -> None:
    assert Answer(site, PATH, If_None_Match=f'"{NAME}"').status == 304


@pytest.mark.parametrize("chunk", [0, 300, len(DATA) // 1024])
def test_it_proves_chunks(site: str, chunk: int) -> None:
    found = json.loads(Answer(site, f"{PATH}/proof?chunk={chunk}").body)
    data, path = base64.b64decode(found["data"]), [bytes.fromhex(node) for node in found["path"]]
    assert (found["object"], found["bytes"], found["chunk"]) == (NAME, len(DATA), chunk)
    assert path == list(chunk_path(DATA, chunk))
    assert is_included(bytes.fromhex(NAME), data, chunk, found["chunks"], path)


@pytest.mark.parametrize("chunk", ["", "x", "-1", "1e3", str(len(DATA)), "9" * 30, "0&chunk=x"])
def test_it_refuses_chunks_that_are_none(site: str, chunk: str) -> None:
    answer = Answer(site, f"{PATH}/proof?chunk={chunk}")
    assert answer.status == (200 if chunk == "0&chunk=x" else 400)


@pytest.mark.parametrize(
    "path",
    [
        f"/api/v1/objects/{'ab' * 32}",
        f"/api/v1/objects/{'ab' * 32}/proof?chunk=0",
        "/api/v1/objects/../../key",
        "/api/v1/objects/..%2f..%2fkey",
        "/api/v1/objects/%2e%2e/%2e%2e/key",
        f"/api/v1/objects/{NAME.upper()}",
        f"/api/v1/objects/{NAME}.nodes",
        f"/api/v1/objects/{NAME}%00",
        f"/api/v1/objects/{NAME}/",
        "/api/v1/objects/incoming",
        "//etc/passwd",
        "/key",
        "/admin/",
    ],
)
def test_nothing_else_can_be_named(site: str, path: str) -> None:
    answer = Answer(site, path)
    assert answer.status == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert b"secret" not in answer.body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_can_be_written(site: str, method: str) -> None:
    answer = Answer(site, PATH, method)
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, HEAD"


def test_it_says_how_it_is(site: str) -> None:
    assert json.loads(Answer(site, "/").body) == {"state": "serving"}


def test_a_damaged_object_is_never_proven(tmp_path: Path) -> None:
    folder = ObjectFolder(tmp_path / "objects")
    folder.put_stream([b"x" * 5000], max_bytes=5000)
    name = object_id(b"x" * 5000)
    folder.path(name).write_bytes(b"x" * 4999 + b"y")
    with honest(folder) as url:
        assert Answer(url, f"/api/v1/objects/{name}/proof?chunk=0").status == 500
