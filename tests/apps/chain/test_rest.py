"""The API as other programs rely on it."""

import json
from typing import Any

import pytest
from django.test import Client

from apps.chain.models import Block
from apps.common import object_store
from protocol.crypto import digest
from protocol.encoding import decode, encode
from protocol.errors import ERRORS
from protocol.merkle import is_included
from tests.apps.chain.miner import Miner
from tests.apps.chain.sending import send
from tests.protocol.cast import ALICE, BOB, DAVE, transfer

pytestmark = pytest.mark.django_db

DOCUMENTED = [
    "/status",
    "/parameters",
    "/genesis",
    "/blocks",
    "/blocks/{block}",
    "/blocks/{block_hash}/raw",
    "/blocks/{block_hash}/derivation",
    "/transactions",
    "/transactions/{txid}",
    "/transactions/{txid}/proof",
    "/mempool",
    "/addresses/{address}",
    "/addresses/{address}/transactions",
    "/objects/{object_id}",
    "/objects/{object_id}/proof",
    "/derive",
]


def get(client: Client, path: str, status: int = 200) -> dict:
    response = client.get(f"/api/v1{path}")
    assert response.status_code == status, response.content
    return json.loads(response.content)


def test_status_names_the_chain_and_the_round(client: Client, miner: Miner) -> None:
    block = miner.extend()
    status = get(client, "/status")
    assert {key: status[key] for key in ("network", "height", "tip", "work", "peers", "mempool")} == {
        "network": "testing",
        "height": 1,
        "tip": block.hash,
        "work": block.work,
        "peers": 0,
        "mempool": 0,
    }
    assert status["genesis"] == Block.objects.get(height=0).hash
    assert status["supply"] == 3 * 10**14 + 50 * 10**8
    assert status["round"]["height"] == 2
    assert status["round"]["ends"] - status["round"]["started"] == 1
    assert status["round"]["best"] is None


def test_the_genesis_document_and_the_parameters_are_those_of_block_0(client: Client, genesis: Block) -> None:
    document = get(client, "/genesis")
    assert digest("genesis", document) == genesis.transactions_root
    parameters = get(client, "/parameters")
    assert (parameters["raise"], parameters["fall"], parameters["round_seconds"]) == (250, 100, 1)
    assert document["parameters"].items() <= parameters.items()


def test_blocks_are_listed_newest_first_in_pages(client: Client, miner: Miner) -> None:
    miner.extend_by(3)
    first = get(client, "/blocks?limit=2")
    assert [block["height"] for block in first["items"]] == [3, 2]
    second = json.loads(client.get(first["next"]).content)
    assert [block["height"] for block in second["items"]] == [1, 0]
    assert second["next"] is None
    fields = "hash height timestamp round miner transactions error threshold problem model canonical"
    assert set(fields.split(" ")) <= first["items"][0].keys()


def test_a_block_is_found_by_hash_and_by_height(client: Client, miner: Miner) -> None:
    blocks = miner.extend_by(2)
    detail = get(client, f"/blocks/{blocks[0].hash}")
    assert get(client, "/blocks/1") == detail
    assert (detail["parent"], detail["children"]) == (blocks[0].previous, [blocks[1].hash])
    assert digest("block", detail["header"]) == blocks[0].hash
    assert detail["reward"] == 45 * 10**8
    assert (detail["fees"], detail["weight"], detail["confirmations"]) == (0, blocks[0].threshold + 1, 2)
    assert detail["layers"][-1]["output"] == [10, 1, 1]


def test_the_raw_block_is_its_canonical_bytes_for_ever(client: Client, miner: Miner) -> None:
    block = miner.extend(signed=[transfer(ALICE, (BOB, 1))])
    response = client.get(f"/api/v1/blocks/{block.hash}/raw")
    content: Any = decode(response.content)
    assert encode(content) == response.content
    assert digest("block", content["header"]) == block.hash
    assert "immutable" in response["Cache-Control"]
    again = client.get(f"/api/v1/blocks/{block.hash}/raw", headers={"If-None-Match": response["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_derivation_leads_to_the_blocks_network(client: Client, miner: Miner) -> None:
    block = miner.extend()
    derivation = get(client, f"/blocks/{block.hash}/derivation")
    detail = get(client, f"/blocks/{block.hash}")
    assert len(derivation["seed"]) == 128
    assert derivation["choices"][0]["name"] == "blocks"
    assert (derivation["text"], derivation["layers"]) == (detail["text"], detail["layers"])
    assert derivation["tree"]["name"] == "net"
    asked = client.post(
        "/api/v1/derive",
        {
            "grammar": block.grammar,
            "previous": block.previous,
            "transactions": block.transactions_root,
            "nonce": block.nonce,
        },
        content_type="application/json",
    )
    assert json.loads(asked.content) == derivation | {"minable": True, "reason": ""}
    get(client, "/blocks/" + block.previous + "/derivation", 404)


def test_any_grammar_can_be_tried(client: Client, genesis: Block) -> None:
    body = {"grammar_text": "<net> ::= flatten fc 16 relu | gap\n", "seed": "00" * 64}
    answer = client.post("/api/v1/derive", body, content_type="application/json").json()
    assert (answer["text"], answer["minable"]) == ("flatten fc 16 relu", False)
    assert "multiply" in answer["reason"]
    body["grammar_text"] = "<net> := x"
    wrong = client.post("/api/v1/derive", body, content_type="application/json")
    assert wrong.status_code == 400
    assert wrong.json()["code"] in range(500, 600)
    mixed = client.post("/api/v1/derive", {"seed": "00" * 64}, content_type="application/json")
    assert mixed.json()["code"] == 1113


def test_the_mempool_of_one_sender(client: Client, genesis: Block) -> None:
    sent = [transfer(ALICE, (BOB, 1), sequence=number) for number in range(3)]
    for item in [transfer(BOB, (ALICE, 1), fee=9), *sent]:
        send(item)
    first = get(client, f"/mempool?sender={ALICE.address}&limit=2")
    second = get(client, first["next"].removeprefix("/api/v1"))
    assert {row["txid"] for row in first["items"] + second["items"]} == {item.txid for item in sent}
    assert second["next"] is None
    assert client.get("/api/v1/mempool?sender=nobody!").status_code == 400


def test_a_transaction_goes_from_the_mempool_into_a_block_with_a_proof(client: Client, miner: Miner) -> None:
    sent = transfer(ALICE, (DAVE, 5), fee=2)
    answer = client.post("/api/v1/transactions", encode(sent.to_json()), content_type="application/json")
    assert (answer.status_code, answer.json()) == (202, {"txid": sent.txid, "status": "pending"})
    assert [row["txid"] for row in get(client, "/mempool")["items"]] == [sent.txid]
    waiting = get(client, f"/transactions/{sent.txid}")
    assert (waiting["status"], waiting["block"], waiting["confirmations"]) == ("pending", None, 0)
    get(client, f"/transactions/{sent.txid}/proof", 404)

    block = miner.extend(signed=[sent])
    included = get(client, f"/transactions/{sent.txid}")
    assert (included["status"], included["block"], included["confirmations"]) == ("included", block.hash, 1)
    assert included["transaction"] == sent.to_json()
    proof = get(client, f"/transactions/{sent.txid}/proof")
    assert is_included(
        bytes.fromhex(proof["root"]),
        bytes.fromhex(sent.txid),
        proof["index"],
        proof["count"],
        [bytes.fromhex(node) for node in proof["path"]],
    )
    assert proof["root"] == block.transactions_root
    assert get(client, "/mempool")["items"] == []


def test_a_bad_transaction_is_answered_with_its_code(client: Client, genesis: Block) -> None:
    for body, code in [(b"", 103), (b"{}", 108), (b'{"kind":"vote"}', 301)]:
        answer = client.post("/api/v1/transactions", body, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (400, code)
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json().keys() == {"type", "title", "status", "detail", "code"}


def test_unknown_and_malformed_names_are_answered_as_problems(client: Client, genesis: Block) -> None:
    assert get(client, "/blocks/" + "ab" * 32, 404)["code"] == 1110
    assert get(client, "/blocks/77", 404)["code"] == 1110
    assert get(client, "/blocks/x", 400)["code"] == 1111
    assert get(client, "/transactions/" + "ab" * 32, 404)["code"] == 1110
    assert get(client, "/transactions/xyz", 400)["code"] == 1113
    assert get(client, "/blocks?limit=101", 400)["code"] == 1113
    assert get(client, "/blocks?before=-1", 400)["code"] == 1113
    assert get(client, "/nothing", 404)["code"] == 1110


def test_before_there_is_a_chain_it_says_so(client: Client) -> None:
    assert get(client, "/status", 503)["code"] == 1114


def test_answers_carry_an_etag_and_may_be_read_from_other_sites(client: Client, genesis: Block) -> None:
    response = client.get("/api/v1/blocks")
    assert response["Access-Control-Allow-Origin"] == "*"
    again = client.get("/api/v1/blocks", headers={"If-None-Match": response["ETag"]})
    assert again.status_code == 304
    asked = client.options("/api/v1/transactions")
    assert (asked.status_code, asked["Access-Control-Allow-Origin"]) == (204, "*")


def test_objects_are_served_whole_in_ranges_and_with_proofs(client: Client, miner: Miner) -> None:
    block = miner.extend()
    data = object_store.read(block.model)
    path = f"/api/v1/objects/{block.model}"
    whole: Any = client.get(path)
    assert b"".join(whole.streaming_content) == data
    assert (whole["Content-Length"], whole["ETag"]) == (str(len(data)), f'"{block.model}"')
    head = client.head(path)
    assert (head.status_code, head.content, head["Content-Length"]) == (200, b"", str(len(data)))
    for asked, begin, end in [("0-9", 0, 10), ("5-", 5, len(data)), ("-7", len(data) - 7, len(data))]:
        part: Any = client.get(path, headers={"Range": f"bytes={asked}"})
        assert part.status_code == 206
        assert b"".join(part.streaming_content) == data[begin:end]
        assert part["Content-Range"] == f"bytes {begin}-{end - 1}/{len(data)}"
    beyond = client.get(path, headers={"Range": f"bytes={len(data)}-"})
    assert (beyond.status_code, beyond.json()["code"]) == (416, 1112)
    assert beyond["Content-Range"] == f"bytes */{len(data)}"
    proof = client.get(f"{path}/proof?chunk=0").json()
    assert proof["chunks"] == -(-len(data) // 1024)
    assert client.get(f"{path}/proof?chunk=99999").json()["code"] == 1111
    assert client.get("/api/v1/objects/" + "ab" * 32).status_code == 404
    assert client.get("/api/v1/objects/..%2f..%2fsecret_key").status_code in {400, 404}


def test_the_schema_describes_every_documented_path(client: Client) -> None:
    paths = client.get("/api/schema").json()["paths"]
    for path in DOCUMENTED:
        assert f"/api/v1{path}" in paths


def test_the_documentation_page_uses_nothing_foreign(client: Client) -> None:
    page = client.get("/api/docs").content.decode()
    assert "swagger-ui" in page
    assert "http://" not in page
    assert "https://" not in page


def test_the_type_of_a_problem_leads_to_what_it_says(client: Client, genesis: Block) -> None:
    problem = client.get("/api/v1/blocks/77").json()
    path, _, anchor = problem["type"].partition("#")
    page = client.get(path).content.decode()
    assert f'<tr id="{anchor}">' in page
    assert page.count('<tr id="error-') == len(ERRORS)
    assert 'href="/blocks/"' in page
