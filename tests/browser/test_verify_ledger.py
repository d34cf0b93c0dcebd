"""Signed transactions of every kind, draws and proofs of storage, checked in the browser: it agrees with the
second implementation, which is written in Python from the text alone.
"""

import base64
import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from protocol import crypto
from tests.browser.module_page import open_module_page
from tests.browser.test_verify_vectors import Handler
from tests.second import forms
from tests.second import primitives as base
from tests.second.play import Play, Played
from tests.second.refused import Refused
from tests.second.storage import number

IMPORT = "(await import('/browser/verify_ledger.js'))"
SECRET = base.sha3(b"coinai/testing/0")
KEY = base.public_key(SECRET).hex()
EVERY_KIND = {"transfer", "propose", "support", "withdraw", "keeper", "leave", "storage_proof"}


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """An empty page that may load the modules, under the content policy of the site."""
    with open_module_page(browser, Handler) as page:
        yield page


def call(page: Page, name: str, argument: object) -> Any:
    return page.evaluate(f"async (argument) => {IMPORT}.{name}(argument)", argument)


@pytest.fixture(scope="module")
def plays() -> list[tuple[Play, list[Played]]]:
    """A few chains in which all sorts of things happen."""
    several = [Play(109), Play(103), Play(107), Play(1, selection="auction")]
    return [(play, list(play.run(30))) for play in several]


@pytest.fixture(scope="module")
def drawn(plays: list[tuple[Play, list[Played]]]) -> list[dict[str, Any]]:
    """Every draw of the plays, with the hashes of the blocks that its beacon is made of."""
    return [
        {**draw, "hashes": block.hashes[: play.genesis["parameters"]["beacon_blocks"]]}
        for play, blocks in plays
        for block in blocks
        for draw in block.draws
    ]


def test_it_agrees_with_every_draw_of_the_second_implementation(
    page: Page, drawn: list[dict[str, Any]]
) -> None:
    assert len(drawn) >= 20
    assert {draw["selection"] for draw in drawn} == {"proportional", "plurality", "auction"}
    assert {draw["subject"] for draw in drawn} == {"problem", "grammar"}
    assert call(page, "draws", drawn) == [None] * len(drawn)


def change(draw: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**copy.deepcopy(draw), **fields}


BROKEN: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "form": lambda draw: change(draw, selection="lottery"),
    "beacon": lambda draw: change(draw, beacon="00" * 31 + "80"),
    "total": lambda draw: change(draw, total=draw["total"] + 1),
    "quorum": lambda draw: change(draw, quorum_ppm=1_000_000),
    "number": lambda draw: change(draw, x=(draw["x"] + 1) % draw["total"]),
    "winner": lambda draw: change(draw, winner="00" * 32),
}


@pytest.mark.parametrize("step", BROKEN)
def test_a_draw_that_is_told_wrongly_fails_where_it_is_wrong(
    page: Page, drawn: list[dict[str, Any]], step: str
) -> None:
    cases = [BROKEN[step](draw) for draw in drawn]
    assert call(page, "draws", cases) == [step] * len(cases)


def test_proposals_out_of_order_are_refused(page: Page, drawn: list[dict[str, Any]]) -> None:
    several = [draw for draw in drawn if len(draw["proposals"]) > 1]
    assert several
    cases = [change(draw, proposals=draw["proposals"][::-1]) for draw in several]
    assert call(page, "draws", cases) == ["total"] * len(cases)


@pytest.mark.parametrize(
    "form",
    [
        {"height": -1},
        {"total": 1.5},
        {"x": None},
        {"x": "1"},
        {"proposals": [{"txid": "00" * 32}]},
        {"proposals": [{"txid": "00" * 32, "stake": -1}]},
        {"subject": "faucet"},
        {"winner": "AB" * 32},
        {"hashes": "00"},
    ],
)
def test_a_draw_of_another_form_is_refused(
    page: Page, drawn: list[dict[str, Any]], form: dict[str, Any]
) -> None:
    draw = next(draw for draw in drawn if draw["selection"] == "proportional")
    assert call(page, "draws", [change(draw, **form)]) == ["form"]


def test_a_draw_is_taken_as_the_site_tells_it(page: Page, drawn: list[dict[str, Any]]) -> None:
    told = {"block": "00" * 32, "outcome": "switched", "switch_height": 9}
    assert call(page, "draws", [change(drawn[0], **told)]) == [None]
    by_size = [change(draw, x=None) for draw in drawn if draw["selection"] != "proportional"]
    assert call(page, "draws", by_size) == [None] * len(by_size)


@pytest.mark.parametrize(
    ("outcome", "reached", "missed"),
    [
        ("switched", None, "quorum"),
        ("not_stored", None, "quorum"),
        ("no_quorum", "quorum", None),
        ("pending", None, None),
        ("too_early", None, None),
    ],
)
def test_the_quorum_is_held_against_the_outcome(
    page: Page, drawn: list[dict[str, Any]], outcome: str, reached: str | None, missed: str | None
) -> None:
    cases = [change(drawn[0], outcome=outcome), change(drawn[0], outcome=outcome, quorum_ppm=1_000_000)]
    assert call(page, "draws", cases) == [reached, missed]


def test_each_step_says_what_it_found(page: Page, drawn: list[dict[str, Any]]) -> None:
    draw = next(draw for draw in drawn if draw["selection"] == "proportional")
    told = call(page, "tellDraw", draw)
    assert [step["id"] for step in told] == ["form", "beacon", "total", "quorum", "number", "winner"]
    assert all(step["state"] == "passed" and step["says"].endswith((".", "…")) for step in told)
    assert told[4]["rows"] == [["x", str(draw["x"]), str(draw["x"])]]
    assert told[5]["rows"][0] == ["winner", draw["winner"], draw["winner"]]
    assert len(told[5]["rows"]) == 1 + len(draw["proposals"])


def test_after_a_step_that_fails_the_others_are_not_reached(page: Page, drawn: list[dict[str, Any]]) -> None:
    told = call(page, "tellDraw", BROKEN["quorum"](drawn[0]))
    assert [step["state"] for step in told] == ["passed"] * 3 + ["failed"] + ["skipped"] * 2


def test_without_hashes_the_beacon_is_taken_as_told(page: Page, drawn: list[dict[str, Any]]) -> None:
    draw = {name: value for name, value in drawn[0].items() if name != "hashes"}
    told = call(page, "tellDraw", draw)
    assert (told[1]["state"], "as told" in told[1]["says"]) == ("passed", True)


# --- Storage


def proof(data: bytes, chunk: int) -> dict[str, Any]:
    chunks = base.chunks_of(data)
    return {
        "object": base.object_id(data),
        "bytes": len(data),
        "chunk": chunk,
        "data": base64.b64encode(chunks[chunk]).decode(),
        "path": [node.hex() for node in base.path_of(chunks, chunk)],
    }


SIZES = (1, 1023, 1024, 1025, 2048, 2049, 3072, 5000, 7169, 9000)


def test_every_chunk_of_an_object_can_be_proven(page: Page) -> None:
    source = random.Random(1)
    cases = [proof(source.randbytes(size), i) for size in SIZES for i in range(-(-size // 1024))]
    assert call(page, "proofs", cases) == [None] * len(cases)


def test_another_chunk_path_length_or_object_is_refused(page: Page) -> None:
    good = proof(random.Random(2).randbytes(5000), 2)
    other = proof(random.Random(3).randbytes(5000), 2)
    last = proof(random.Random(2).randbytes(5000), 4)
    cases = [
        ("path", {**good, "data": other["data"]}),
        ("path", {**good, "chunk": 1}),
        ("chunk", {**good, "chunk": 4}),
        ("chunk", {**good, "chunk": 5}),
        ("path", {**good, "path": good["path"][:-1]}),
        ("path", {**good, "path": [*good["path"], good["object"]]}),
        ("path", {**good, "path": good["path"][::-1]}),
        ("path", {**good, "object": other["object"]}),
        ("chunk", {**last, "bytes": 5001}),
        ("chunk", {**good, "data": good["data"] + "\n"}),
        ("chunk", {**good, "data": "!"}),
        ("form", {**good, "path": ["00"]}),
        ("form", {**good, "bytes": 0}),
        ("form", {**good, "more": 1}),
    ]
    assert call(page, "proofs", [case for _, case in cases]) == [step for step, _ in cases]


def test_a_proof_shows_every_level(page: Page) -> None:
    good = proof(random.Random(2).randbytes(5000), 2)
    told = call(page, "tellProof", good)
    assert [step["id"] for step in told] == ["form", "chunk", "path"]
    rows = told[2]["rows"]
    assert rows[-1] == ["root", good["object"], good["object"]]
    assert len(rows) == 2 + len(good["path"])


def test_what_is_drawn_for_storage_is_the_same(page: Page) -> None:
    source = random.Random(4)
    for size in SIZES:
        hashes = [source.randbytes(32).hex() for _ in range(source.choice([1, 9, 128]))]
        height, j, count = source.randrange(10**6), source.randrange(40), source.randrange(1, 50)
        name, place = source.randbytes(32), source.randbytes(20)
        beacon = bytearray(32)
        for k, value in enumerate(hashes):
            beacon[k // 8] |= (int(value, 16) & 1) << k % 8
        r = bytes(beacon) + height.to_bytes(8, "big")
        x = number(b"coinai/1/audit\n", r, j.to_bytes(4, "big"))
        chunks = -(-size // 1024)
        first = number(b"coinai/1/first\n", name, place, r) % chunks
        asked = {"hashes": hashes, "height": height, "object": name.hex(), "place": place.hex()}
        found = call(page, "randomness", {**asked, "bytes": size, "j": j, "count": count})
        assert found == [bytes(beacon).hex(), first, x % count, x // count % chunks]


# --- Transactions


def sign(transaction: dict[str, Any]) -> dict[str, Any]:
    unsigned = {name: value for name, value in transaction.items() if name != "signature"}
    unsigned["key"] = KEY
    signature = crypto.sign(SECRET, b"coinai/1/sign\n" + base.canonical(unsigned))
    return {**unsigned, "signature": signature.hex()}


def test_signed_transactions_of_every_kind_are_read_as_the_second_implementation_reads_them(
    page: Page, plays: list[tuple[Play, list[Played]]]
) -> None:
    play, blocks = plays[0]
    rows: list[dict[str, Any]] = []
    for block in blocks:
        rows += block.transactions[1:] + [refused[-1] for refused in block.refused]
    bodies = {base.canonical([row["kind"], row["body"]]): row for row in rows}
    some: list[dict[str, Any]] = []
    for kind in EVERY_KIND:
        some += [sign(row) for row in bodies.values() if row["kind"] == kind][:14]
    expected = [judge(transaction, play.genesis) for transaction in some]
    assert {t["kind"] for t, name in zip(some, expected, strict=True) if name != "refused"} == EVERY_KIND
    assert expected.count("refused") >= 5
    texts = [base.canonical(transaction).decode() for transaction in some]
    asked = {"cases": texts, "network": "play", "parameters": play.genesis["parameters"]}
    assert call(page, "transactions", asked) == expected


def judge(transaction: dict[str, Any], genesis: dict[str, Any]) -> str:
    try:
        forms.check(transaction, genesis)
    except Refused:
        return "refused"
    return base.digest("transaction", transaction)


def manifest(play: Play) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(play.problems[0])
    return found


REFUSED_MANIFESTS: list[dict[str, Any]] = [
    {"title": ""},
    {"title": "two\nlines"},
    {"title": " x"},
    {"summary": "\u200b"},
    {"summary": "x" * 2001},
    {"task": "regression"},
    {"metric": "loss"},
    {"classes": 1},
    {"classes": 1001},
    {"shape": [1, 8]},
    {"shape": [1, 8, 0]},
    {"train": 0},
    {"data": "00"},
    {"data_bytes": 1320},
    {"data_bytes": 1320 + 8 + 65537},
    {"floor_error": 1_000_001},
    {"min_macs": 100_001},
    {"max_macs": 5_000_001},
    {"max_parameters": 2_000_001},
    {"min_active_blocks": 0},
    {"min_active_blocks": 1000},
    {"more": 1},
]
TAKEN_MANIFESTS: list[dict[str, Any]] = [
    {},
    {"summary": "two\nlines", "data_bytes": 1320 + 8 + 65536, "title": "ü" * 120},
]


def test_manifests_are_read_alike(page: Page, plays: list[tuple[Play, list[Played]]]) -> None:
    play, _ = plays[0]
    signed: list[dict[str, Any]] = []
    for fields in REFUSED_MANIFESTS + TAKEN_MANIFESTS:
        content = base.canonical(manifest(play) | fields).decode()
        row = {"network": "play", "kind": "propose", "key": KEY, "sequence": 0, "fee": 0}
        signed.append(sign({**row, "body": {"subject": "problem", "content": content}}))
    expected = [judge(transaction, play.genesis) for transaction in signed]
    texts = [base.canonical(transaction).decode() for transaction in signed]
    asked = {"cases": texts, "network": "play", "parameters": play.genesis["parameters"]}
    assert call(page, "transactions", asked) == expected
    taken = ["refused"] * len(REFUSED_MANIFESTS) + [base.digest("transaction", t) for t in signed[-2:]]
    assert expected == taken
