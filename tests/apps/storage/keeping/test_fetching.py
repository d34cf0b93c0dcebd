"""Objects come from whoever gives the right bytes; wrong ones are thrown away and their source blamed."""

import json
import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from apps.common.object_folder import ObjectFolder
from apps.storage.errors import NoSource, SourceError
from apps.storage.keeping.connecting import Limits
from apps.storage.keeping.fetching import Fetcher, Source, Stopped, _Download
from protocol.merkle import GROUP_BYTES, object_id
from tests.apps.storage.keeping.sources import Behaviour, answer, giving, honest, misbehaving, read_range

SMALL = b"a model of a few bytes"
LARGE = random.Random(5).randbytes(5 * GROUP_BYTES + 12_345)
PATIENT = Limits(allow_private=True, connect_seconds=60, silence_seconds=60, grace_seconds=120)
QUICK = Limits(allow_private=True, connect_seconds=60, silence_seconds=1.0, grace_seconds=2.0)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def fetcher(tmp_path: Path) -> Fetcher:
    return Fetcher(ObjectFolder(tmp_path / "mine"), PATIENT)


def keep(folder: Path, *contents: bytes) -> ObjectFolder:
    """A folder of somebody who has these objects."""
    objects = ObjectFolder(folder)
    for data in contents:
        objects.put_stream([data], max_bytes=len(data))
    return objects


def fetch(fetcher: Fetcher, data: bytes, urls: Sequence[str]) -> bytes:
    """Fetch an object by its id and return what lies in the folder afterwards."""
    fetcher.fetch(object_id(data), len(data), [Source(url) for url in urls])
    return fetcher.folder.read(object_id(data))


def tampering(data: bytes, *, at: int, proof: bool = True) -> Behaviour:
    """A source that has changed one byte, and proves what it should have been, or what it is."""
    changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    return giving(changed, proven=data if proof else changed)


@pytest.mark.parametrize("data", [SMALL, LARGE, LARGE[:GROUP_BYTES], LARGE[: GROUP_BYTES + 1]])
def test_it_fetches_from_an_honest_keeper(
    data: bytes, fetcher: Fetcher, stack: ExitStack, tmp_path: Path
) -> None:
    url = stack.enter_context(honest(keep(tmp_path / "other", data)))
    assert fetch(fetcher, data, [url]) == data
    assert not list((fetcher.folder.root / "incoming").iterdir())


def test_one_that_lacks_the_object_is_passed_over_and_not_blamed(
    fetcher: Fetcher, stack: ExitStack, tmp_path: Path
) -> None:
    lacking = stack.enter_context(honest(keep(tmp_path / "empty")))
    having = stack.enter_context(honest(keep(tmp_path / "other", LARGE)))
    assert fetch(fetcher, LARGE, [lacking, having]) == LARGE
    assert not fetcher.blame.is_blamed(lacking)


@pytest.mark.parametrize("data", [SMALL, LARGE])
@pytest.mark.parametrize("proof", [True, False])
def test_a_tampered_chunk_is_thrown_away_and_fetched_elsewhere(
    data: bytes, proof: bool, fetcher: Fetcher, stack: ExitStack, tmp_path: Path
) -> None:
    liar = stack.enter_context(misbehaving(tampering(data, at=len(data) // 2, proof=proof)))
    other = stack.enter_context(honest(keep(tmp_path / "other", data)))
    assert fetch(fetcher, data, [liar, other]) == data
    assert fetcher.blame.is_blamed(liar)
    assert not fetcher.blame.is_blamed(other)


def test_what_a_liar_gave_that_was_right_is_not_fetched_again(
    fetcher: Fetcher, stack: ExitStack, tmp_path: Path
) -> None:
    asked: list[int] = []
    folder = keep(tmp_path / "other", LARGE)
    last = 5 * GROUP_BYTES

    def count(handler: BaseHTTPRequestHandler) -> None:
        if "/proof" in handler.path:
            tampering(LARGE, at=0)(handler)
            return
        start, length = read_range(handler)
        asked.append(start)
        body = b"".join(folder.open_range(object_id(LARGE), start, length))
        answer(handler, 206, body, Content_Range=f"bytes {start}-{start + length - 1}/{len(LARGE)}")

    liar = stack.enter_context(misbehaving(tampering(LARGE, at=last + 3)))
    other = stack.enter_context(misbehaving(count))
    assert fetch(fetcher, LARGE, [liar, other]) == LARGE
    assert asked == [last]


def test_a_blamed_source_is_not_asked_again_for_a_while(
    fetcher: Fetcher, stack: ExitStack, tmp_path: Path
) -> None:
    asked: list[str] = []

    def lie(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        tampering(SMALL, at=0)(handler)

    liar = stack.enter_context(misbehaving(lie))
    with pytest.raises(NoSource):
        fetch(fetcher, SMALL, [liar])
    with pytest.raises(NoSource):
        fetch(fetcher, SMALL, [liar])
    assert len(asked) == 1


def test_whoever_lied_before_is_asked_last(fetcher: Fetcher, stack: ExitStack, tmp_path: Path) -> None:
    asked: list[str] = []

    def lie(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        tampering(SMALL, at=0)(handler)

    liar = stack.enter_context(misbehaving(lie))
    other = stack.enter_context(honest(keep(tmp_path / "other", SMALL, LARGE)))
    assert fetch(fetcher, SMALL, [liar, other]) == SMALL
    assert len(asked) == 1
    passed = fetcher.blame._clock() + 601
    fetcher.blame._clock = lambda: passed  # its time is over
    assert fetch(fetcher, LARGE, [liar, other]) == LARGE
    assert len(asked) == 1


def giant(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(206)
    handler.send_header("Content-Range", f"bytes 0-{len(SMALL) - 1}/{len(SMALL)}")
    handler.end_headers()
    while True:
        handler.wfile.write(bytes(65536))


def long_headers(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    while True:
        handler.send_header("X-More", "x" * 60_000)
        handler.flush_headers()


def announced_giant(handler: BaseHTTPRequestHandler) -> None:
    answer(handler, 200, SMALL, Content_Length="9" * 15)


def other_total(handler: BaseHTTPRequestHandler) -> None:
    answer(handler, 206, SMALL, Content_Range=f"bytes 0-{len(SMALL) - 1}/{len(SMALL) + 1}")


def other_range(handler: BaseHTTPRequestHandler) -> None:
    answer(handler, 206, SMALL, Content_Range=f"bytes 1-{len(SMALL)}/{len(SMALL)}")


def too_short(handler: BaseHTTPRequestHandler) -> None:
    answer(handler, 200, SMALL[:-1])


def packed(handler: BaseHTTPRequestHandler) -> None:
    answer(handler, 200, SMALL, Content_Encoding="gzip")


def redirecting(handler: BaseHTTPRequestHandler) -> None:
    answer(handler, 302, b"", Location="http://169.254.169.254/latest/meta-data/")


def silent(_handler: BaseHTTPRequestHandler) -> None:
    time.sleep(5)


def trickling(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(SMALL)))
    handler.end_headers()
    for byte in SMALL:
        handler.wfile.write(bytes([byte]))
        time.sleep(0.4)


def trickling_headers(handler: BaseHTTPRequestHandler) -> None:
    for byte in b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 50:
        handler.wfile.write(bytes([byte]))
        time.sleep(0.2)


def nonsense(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"\x00\xffnot http at all\r\n\r\n")


@pytest.mark.parametrize(
    ("behave", "code"),
    [
        (giant, 1463),
        (announced_giant, 1463),
        (other_total, 1463),
        (other_range, 1463),
        (too_short, 1463),
        (packed, 1461),
        (redirecting, 1461),
        (silent, 1462),
        (trickling, 1462),
        (trickling_headers, 1462),
        (long_headers, 1460),
        (nonsense, 1460),
    ],
)
def test_it_bounds_what_a_source_can_do_to_it(
    behave: Any, code: int, stack: ExitStack, tmp_path: Path
) -> None:
    fetcher = Fetcher(ObjectFolder(tmp_path / "mine"), QUICK)
    bad = stack.enter_context(misbehaving(behave))
    download = _Download(fetcher, object_id(SMALL), len(SMALL), [], stack)
    with pytest.raises(SourceError) as caught:
        download._read_group(download._connect(Source(bad)), 0)
    assert caught.value.code == code
    assert caught.value.is_fault == (code == 1463)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[" * 16000,
        b'{"data": 5, "path": []}',
        b'{"data": "AAAA", "path": "ab"}',
        b'{"data": "AAAA", "path": [1]}',
        json.dumps({"data": "AAAA", "path": ["ab" * 32] * 100}).encode(),
        json.dumps({"data": "", "path": ["AB" * 32]}).encode(),
        b"x" * 20_000,
    ],
)
def test_a_proof_that_proves_nothing_is_blamed(
    body: bytes, fetcher: Fetcher, stack: ExitStack, tmp_path: Path
) -> None:
    def behave(handler: BaseHTTPRequestHandler) -> None:
        if "/proof" in handler.path:
            answer(handler, 200, body)
        else:
            tampering(LARGE, at=0)(handler)

    bad = stack.enter_context(misbehaving(behave))
    with pytest.raises(NoSource):
        fetch(fetcher, LARGE, [bad])
    assert fetcher.blame.is_blamed(bad)


def test_a_download_that_was_cut_off_goes_on_where_it_was(
    fetcher: Fetcher, stack: ExitStack, tmp_path: Path
) -> None:
    folder = keep(tmp_path / "other", LARGE)
    url = stack.enter_context(honest(folder))
    stopping = threading.Event()
    asked: list[int] = []
    stopped = Fetcher(fetcher.folder, PATIENT, is_stopping=stopping.is_set)

    def give_three(handler: BaseHTTPRequestHandler) -> None:
        tampering(LARGE, at=len(LARGE) - 1)(handler)
        if "/proof" not in handler.path:
            asked.append(read_range(handler)[0])
            if len(asked) == 3:
                stopping.set()

    slow = stack.enter_context(misbehaving(give_three))
    with pytest.raises(Stopped):
        fetch(stopped, LARGE, [slow])
    part = fetcher.folder.root / "incoming" / f"part.{object_id(LARGE)}"
    assert part.stat().st_size >= 3 * GROUP_BYTES
    with part.open("ab") as file:
        file.write(b"torn")  # what a crash in the middle of a write leaves
    assert fetch(fetcher, LARGE, [url]) == LARGE


def test_what_the_disk_changed_of_a_part_begins_anew(
    fetcher: Fetcher, stack: ExitStack, tmp_path: Path
) -> None:
    url = stack.enter_context(honest(keep(tmp_path / "other", LARGE)))
    part = fetcher.folder.root / "incoming" / f"part.{object_id(LARGE)}"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"?" + LARGE[1 : 2 * GROUP_BYTES])
    with pytest.raises(NoSource, match="damaged"):
        fetch(fetcher, LARGE, [url])
    assert fetch(fetcher, LARGE, [url]) == LARGE


def test_endpoints_on_private_addresses_are_not_reached(tmp_path: Path, stack: ExitStack) -> None:
    asked: list[str] = []
    url = stack.enter_context(misbehaving(lambda handler: asked.append(handler.path)))
    fetcher = Fetcher(ObjectFolder(tmp_path / "mine"), Limits())
    with pytest.raises(NoSource, match="no public address"):
        fetch(
            fetcher,
            SMALL,
            [url, url.replace("127.0.0.1", "localhost"), "http://[::1]:80", "http://2130706433"],
        )
    assert not asked


def test_a_site_that_the_operator_named_may_be_private(tmp_path: Path, stack: ExitStack) -> None:
    url = stack.enter_context(honest(keep(tmp_path / "site", SMALL)))
    fetcher = Fetcher(ObjectFolder(tmp_path / "mine"), Limits())
    fetcher.fetch(object_id(SMALL), len(SMALL), [Source(url, is_own=True)])
    assert fetcher.folder.read(object_id(SMALL)) == SMALL


def test_a_name_is_resolved_once_and_one_private_address_spoils_it(tmp_path: Path, stack: ExitStack) -> None:
    asked: list[str] = []

    def rebind(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) > 1 else ["203.0.113.5", "127.0.0.1"]

    fetcher = Fetcher(ObjectFolder(tmp_path / "mine"), Limits(), resolver=rebind)
    with pytest.raises(NoSource, match=r"203\.0\.113\.5|127\.0\.0\.1"):
        fetch(fetcher, SMALL, ["http://rebinding.example:1"])
    assert asked == ["rebinding.example"]


def test_the_connection_goes_to_the_address_that_was_checked(tmp_path: Path, stack: ExitStack) -> None:
    hosts: list[str] = []

    def note(handler: BaseHTTPRequestHandler) -> None:
        hosts.append(handler.headers["Host"])
        tampering(SMALL, at=0)(handler)

    url = stack.enter_context(misbehaving(note))
    port = url.rpartition(":")[2]
    fetcher = Fetcher(ObjectFolder(tmp_path / "mine"), PATIENT, resolver=lambda _host, _port: ["127.0.0.1"])
    with pytest.raises(NoSource):
        fetch(fetcher, SMALL, [f"http://does-not-exist.invalid:{port}"])
    assert hosts == [f"does-not-exist.invalid:{port}"]


def test_unusable_endpoints_are_passed_over(fetcher: Fetcher, stack: ExitStack, tmp_path: Path) -> None:
    good = stack.enter_context(honest(keep(tmp_path / "other", SMALL)))
    bad = ["file:///etc/passwd", "http://user@127.0.0.1", "nonsense", "http://127.0.0.1:1"]
    assert fetch(fetcher, SMALL, [*bad, good]) == SMALL
