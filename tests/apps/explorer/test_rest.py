"""The explorer's API as other programs rely on it: contents, addresses, search, statistics."""

import json
from typing import Any

import pytest
from django.test import Client

from apps.chain.models import Block
from apps.explorer.models import ContentSummary
from protocol.crypto import address, public_key
from tests.apps.chain.miner import Miner
from tests.protocol.cast import ALICE, BOB, DAVE, transfer

pytestmark = pytest.mark.django_db
MINER = address(public_key(Miner().secret))


def get(client: Client, path: str, status: int = 200) -> Any:
    response = client.get(path if path.startswith("/api/") else f"/api/v1{path}")
    assert response.status_code == status, response.content
    return json.loads(response.content)


def test_problems_are_listed_with_their_manifests_and_best_models(client: Client, miner: Miner) -> None:
    blocks = miner.extend_by(2)
    (item,) = get(client, "/problems")["items"]
    best = min(blocks, key=lambda block: block.error)
    assert item["id"] == blocks[0].problem
    assert (item["active"], item["blocks"], item["first_height"], item["last_height"]) == (True, 2, 0, 2)
    assert item["best"] == {"model": best.model, "height": best.height, "error": best.error}
    assert item["manifest"]["title"] == item["title"]
    assert get(client, f"/problems/{item['id']}") == item
    assert get(client, "/problems/" + "ab" * 32, 404)["code"] == 1110
    assert get(client, f"/problems/{blocks[0].grammar}", 404)["code"] == 1110
    assert get(client, "/problems/x", 400)["code"] == 1113


def test_before_the_first_block_the_problem_of_genesis_is_there(client: Client, genesis: Block) -> None:
    (item,) = get(client, "/problems")["items"]
    assert (item["id"], item["active"], item["best"]) == (genesis.problem, True, None)


def test_a_problem_whose_manifest_is_missing_is_listed_without(client: Client, genesis: Block) -> None:
    for n in range(3):
        ContentSummary.objects.create(id=f"{n:064x}", subject="problem", first_height=n, last_height=n)
    first = get(client, "/problems?limit=2")
    assert [(item["id"][-1], item["manifest"]) for item in first["items"]] == [("2", None), ("1", None)]
    second = get(client, first["next"])
    assert [item["last_height"] for item in second["items"]] == [0, 0]
    assert second["next"] is None


def test_grammars_are_listed_and_shown_with_their_text(client: Client, miner: Miner) -> None:
    block = miner.extend()
    (item,) = get(client, "/grammars")["items"]
    assert (item["id"], item["active"], item["blocks"]) == (block.grammar, True, 1)
    detail = get(client, f"/grammars/{block.grammar}")
    assert "<net>" in detail["text"]
    assert item.items() <= detail.items()


def test_an_address_says_what_it_has_and_did(client: Client, miner: Miner) -> None:
    block = miner.extend(signed=[transfer(ALICE, (DAVE, 9), fee=4)])
    alice = get(client, f"/addresses/{ALICE.address}")
    assert (alice["balance"], alice["sequence"], alice["mined"]) == (10**14 - 13, 1, 0)
    assert (alice["received"], alice["sent"], alice["transactions"]) == (10**14, 13, 1)
    mined = get(client, f"/addresses/{MINER}")
    assert (mined["balance"], mined["locked"], mined["mined"]) == (0, block.reward, 1)
    assert mined["locked_for"] == {"rewards": block.reward, "stakes": 0, "deposits": 0, "bond": 0}
    nobody = get(client, f"/addresses/{BOB.address.replace(BOB.address, address(b'7' * 32))}")
    assert (nobody["balance"], nobody["first_height"]) == (0, None)
    assert get(client, "/addresses/cai1nothing", 400)["code"] == 203


def test_an_addresss_history_is_read_page_by_page(client: Client, miner: Miner) -> None:
    payments = [transfer(ALICE, (DAVE, 10 + n), sequence=n, fee=n) for n in range(3)]
    first = miner.extend(signed=payments[:2])
    miner.extend(signed=payments[2:])
    page = get(client, f"/addresses/{DAVE.address}/transactions?limit=2")
    assert [(row["height"], row["position"], row["change"]) for row in page["items"]] == [
        (2, 1, 12),
        (1, 2, 11),
    ]
    rest = get(client, page["next"])
    (row,) = rest["items"]
    assert (row["txid"], row["role"], row["block"]) == (payments[0].txid, "received", first.hash)
    assert (row["timestamp"], row["fee"], rest["next"]) == (first.timestamp, 0, None)
    sent = get(client, f"/addresses/{ALICE.address}/transactions")["items"]
    assert [(row["role"], row["change"]) for row in sent] == [("sent", -14), ("sent", -12), ("sent", -10)]


def test_search_answers_with_kinds_and_addresses_of_pages(client: Client, miner: Miner) -> None:
    block = miner.extend()
    (hit, *_) = get(client, "/search?q=1")["items"]
    assert (hit["kind"], hit["id"], hit["url"]) == ("block", block.hash, f"/blocks/{block.hash}/")
    assert get(client, "/search?q=")["items"] == []
    assert len(get(client, f"/search?q={block.hash[:8]}&limit=1")["items"]) == 1
    assert get(client, "/search", 400)["code"] == 1113
    assert get(client, "/search?q=" + "a" * 201, 400)["code"] == 1113


def test_statistics_are_a_series_of_points(client: Client, miner: Miner) -> None:
    blocks = miner.extend_by(3)
    series = get(client, "/statistics")
    assert (series["first"], series["last"], series["blocks"]) == (1, 3, 1)
    assert [point["best_model"] for point in series["points"]] == [block.model for block in blocks]
    assert len(get(client, "/statistics?from=2&to=2")["points"]) == 1
    assert get(client, "/statistics?points=1")["points"][0]["blocks"] == 3
    assert get(client, f"/statistics?problem={'ab' * 32}")["points"] == []
    assert get(client, "/statistics?points=0", 400)["code"] == 1113
