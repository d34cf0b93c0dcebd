"""What the API tells of keepers, replicas and audits, on a real chain."""

from typing import Any

import pytest
from django.test import Client

from apps.chain.selectors import get_entry, get_params
from protocol.context import BEACON_BYTES
from protocol.crypto import parse_address, sha3_512
from protocol.storage import check_chunk
from protocol.transactions.storage import _require_base64
from tests.apps.storage.keepers import ALICE, BOB, CAPACITY, CHARLIE
from tests.apps.storage.shared import home, kept
from tests.protocol.cast import DAVE

__all__ = ["home", "kept"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kept")]


def read(client: Client, path: str) -> Any:
    """JSON of the API."""
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def check_drawn(audit: dict[str, Any]) -> None:
    """Draw the audit again from what the API tells, as docs/protocol.md §9 says."""
    lot = audit["lot"]
    bits = sum((int(name[-1], 16) & 1) << k for k, name in enumerate(lot["hashes"]))
    beacon = bits.to_bytes(BEACON_BYTES, "little")
    assert beacon.hex() == lot["beacon"]
    randomness = beacon + audit["height"].to_bytes(8, "big")
    if audit["first"]:
        seed = bytes.fromhex(audit["object"]) + parse_address(audit["keeper"]) + randomness
        x = int.from_bytes(sha3_512(b"coinai/1/first\n" + seed), "big")
        assert x % audit["chunks"] == audit["chunk"]
        return
    assert lot["replicas"] == sorted(lot["replicas"])
    assert lot["replicas"][lot["position"]] == [audit["object"], audit["keeper"]]
    seed = randomness + lot["draw"].to_bytes(4, "big")
    x = int.from_bytes(sha3_512(b"coinai/1/audit\n" + seed), "big")
    assert x % lot["count"] == lot["position"]
    assert x // lot["count"] % audit["chunks"] == audit["chunk"]


def test_audits_can_be_drawn_and_checked_again(client: Client) -> None:
    page = read(client, "audits?limit=100")
    assert {item["outcome"] for item in page["items"]} >= {"open", "answered", "missed"}
    seen = set()
    for item in page["items"]:
        audit = read(client, f"audits/{item['height']}/{item['number']}")
        check_drawn(audit)
        seen.add((audit["first"], audit["outcome"]))
        assert audit["due"] == audit["height"] + get_params().proof_blocks
        assert (audit["proof"] is not None) == (audit["outcome"] == "answered")
        if audit["proof"]:
            data = _require_base64(audit["proof"]["data"], "data")
            check_chunk(audit["object"], audit["bytes"], audit["chunk"], data, tuple(audit["proof"]["path"]))
    assert seen >= {(True, "answered"), (False, "answered")}


def test_audits_are_chosen_by_keeper_object_and_outcome_page_by_page(client: Client) -> None:
    everything = read(client, "audits?limit=100")["items"]
    assert [(one["height"], one["number"]) for one in everything] == sorted(
        [(one["height"], one["number"]) for one in everything], reverse=True
    )
    chosen = [one for one in everything if one["keeper"] == ALICE.address and one["outcome"] == "answered"]
    found, address = [], f"audits?keeper={ALICE.address}&outcome=answered&limit=2"
    while address:
        page = read(client, address)
        found += page["items"]
        address = (page["next"] or "").removeprefix("/api/v1/")
    assert found == chosen
    name = everything[0]["object"]
    assert read(client, f"audits?object={name}&limit=100")["items"] == [
        one for one in everything if one["object"] == name
    ]


def test_keepers_say_what_they_offer_and_what_they_did(client: Client) -> None:
    page = read(client, "keepers")
    assert page["next"] is None
    assert [item["address"] for item in page["items"]] == sorted(
        [ALICE.address, BOB.address, CHARLIE.address]
    )
    alice = read(client, f"keepers/{ALICE.address}")
    entry: Any = get_entry(f"keeper/{ALICE.address}")
    assert (alice["capacity"], alice["used"], alice["state"]) == (CAPACITY, entry["used"], "serving")
    assert alice["passed"] > 0
    assert alice["earned"] > 0
    assert alice["missed"] == 0
    assert [event["kind"] for event in alice["events"]] == ["registered"]
    bob = read(client, f"keepers/{BOB.address}")
    assert bob["missed"] > 0
    assert bob["lost"] > 0
    assert client.get(f"/api/v1/keepers/{DAVE.address}").status_code == 404
    assert client.get("/api/v1/keepers/nothing").status_code == 400


def test_keepers_are_chosen_by_state(client: Client) -> None:
    leaving = read(client, "keepers?state=leaving")["items"]
    assert [item["address"] for item in leaving] == [CHARLIE.address]
    assert leaving[0]["leaving"] == 4
    assert leaving[0]["returns"] == 4 + get_params().unbond_blocks
    assert CHARLIE.address not in {one["address"] for one in read(client, "keepers?state=serving")["items"]}


def test_an_objects_replicas_name_the_last_proof(client: Client) -> None:
    audit = read(client, f"audits?keeper={ALICE.address}&outcome=answered&limit=100")["items"][0]
    found = read(client, f"objects/{audit['object']}/replicas")
    assert (found["factor"], found["model"]) == (get_params().model_replicas, True)
    mine = next(item for item in found["items"] if item["keeper"] == ALICE.address)
    assert mine["proven"]
    assert mine["last_proof"]["answered"] >= audit["ended_height"]
    assert client.get(f"/api/v1/objects/{'00' * 32}/replicas").status_code == 404


def test_the_networks_storage_adds_up(client: Client) -> None:
    found = read(client, "storage")
    parts = (found["at_factor"], found["below_factor"], found["above_factor"])
    assert sum(parts) == found["objects"] > 0
    assert found["replicas"] >= found["proven"] > 0
    keepers = read(client, "keepers")["items"]
    serving = [one for one in keepers if one["state"] == "serving"]
    assert found["capacity"] == sum(one["capacity"] for one in serving)
    assert found["used"] == sum(one["used"] for one in serving)
    assert found["replicas"] == sum(one["replicas"] for one in keepers)
    assert found["proven"] == sum(one["proven"] for one in keepers)


def test_answers_carry_an_etag(client: Client) -> None:
    for path in ("keepers", "audits", f"keepers/{ALICE.address}", "storage"):
        answer = client.get(f"/api/v1/{path}")
        again = client.get(f"/api/v1/{path}", headers={"If-None-Match": answer["ETag"]})
        assert again.status_code == 304
