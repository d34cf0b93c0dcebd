"""From a proposal through stakes and draw to the switch, on a real chain; rows, API, and the way back."""

from typing import Any

import pytest
from django.test import Client

from apps.chain import services as chain_services
from apps.chain.models import Block
from apps.chain.selectors import get_entry, get_params
from apps.governance.models import Draw, Proposal
from protocol.merkle import object_id
from protocol.transactions import Propose, Support, Withdraw
from tests.apps.chain.miner import Miner
from tests.apps.governance.holder import ALICE, BOB, CAI, TEXT, Holder

pytestmark = pytest.mark.usefixtures("genesis")


@pytest.fixture
def story() -> dict[str, Any]:
    """Block 1 opens a proposal of Alice, block 2 has her and Bob support it; the draw of block 4 is next."""
    alice, bob, miner = Holder(ALICE), Holder(BOB), Miner()
    proposal = alice.sign(Propose("grammar", TEXT))
    miner.extend(signed=[proposal])
    stakes = ((alice, 30_000 * CAI), (bob, 5_000 * CAI))
    miner.extend(signed=[one.sign(Support(proposal.txid, amount)) for one, amount in stakes])
    return {"miner": miner, "alice": alice, "bob": bob, "txid": proposal.txid}


def read(client: Client, path: str) -> Any:
    """JSON of the API."""
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_an_open_proposal_shows_its_stakes_and_odds(client: Client, story: dict[str, Any]) -> None:
    shown = read(client, f"proposals/{story['txid']}")
    assert (shown["status"], shown["title"]) == ("open", "Small networks only")
    assert (shown["stake"], shown["counted"], shown["supporters"]) == (35_000 * CAI, 35_000 * CAI, 2)
    assert shown["odds_ppm"] == 1_000_000
    assert [stake["amount"] for stake in shown["stakes"]] == [30_000 * CAI, 5_000 * CAI]
    assert shown["expires"] == 1 + get_params().proposal_blocks


def test_two_proposals_share_the_odds_by_their_stakes(client: Client, story: dict[str, Any]) -> None:
    other = story["bob"].sign(Propose("grammar", TEXT + "# another\n"))
    story["miner"].extend(signed=[other])
    story["miner"].extend_by(1)  # block 4 draws; from now on block 8 is the next
    story["miner"].extend(signed=[story["bob"].sign(Support(other.txid, 1_000 * CAI))])
    page = read(client, "proposals?subject=grammar")
    assert [item["txid"] for item in page["items"]] == [other.txid, story["txid"]]


def test_the_draw_switches_the_grammar(client: Client, story: dict[str, Any]) -> None:
    story["miner"].extend_by(2)
    (problem, grammar) = read(client, "draws/4")["draws"]
    assert (problem["outcome"], problem["winner"]) == ("no_ballots", "")
    assert (grammar["outcome"], grammar["winner"]) == ("switched", story["txid"])
    assert (grammar["total"], grammar["switch_height"]) == (35_000 * CAI, 6)
    assert grammar["x"] < grammar["total"]
    assert len(read(client, "draws/4")["hashes"]) == get_params().beacon_blocks
    assert read(client, f"proposals/{story['txid']}")["status"] == "pending"
    story["miner"].extend_by(1)
    shown = read(client, f"proposals/{story['txid']}")
    assert (shown["status"], shown["active_height"], shown["stake"]) == ("active", 6, 0)
    assert get_entry("active/grammar")["content"] == object_id(TEXT.encode())  # type: ignore[index]
    block = story["miner"].extend()
    assert block.grammar == object_id(TEXT.encode())


def test_a_reorganisation_takes_everything_back(client: Client, story: dict[str, Any]) -> None:
    def rows() -> tuple[list[Any], list[Any]]:
        return list(Proposal.objects.order_by("txid").values()), list(Draw.objects.order_by("id").values())

    before = rows()
    blocks = story["miner"].extend_by(3)
    after = rows()
    for block in reversed(blocks):
        chain_services.disconnect_block(block_hash=block.hash)
    assert rows() == before
    for block in blocks:
        chain_services.connect_block(block_hash=block.hash)
    assert [{**row, "id": 0} for row in rows()[1]] == [{**row, "id": 0} for row in after[1]]
    assert rows()[0] == after[0]
    for block in Block.objects.filter(canonical=True, height__gt=0).order_by("-height"):
        chain_services.disconnect_block(block_hash=block.hash)
    assert rows() == ([], [])


def test_too_little_stake_is_no_quorum(client: Client) -> None:
    alice, miner = Holder(ALICE), Miner()
    proposal = alice.sign(Propose("grammar", TEXT))
    miner.extend(signed=[proposal])
    miner.extend(signed=[alice.sign(Support(proposal.txid, CAI))])
    miner.extend_by(2)
    assert read(client, "draws/4")["draws"][1]["outcome"] == "no_quorum"
    coming = {draw["subject"]: draw for draw in read(client, "draws")["coming"]}
    assert coming["grammar"]["height"] == 8
    assert not coming["grammar"]["has_quorum"]
    assert coming["grammar"]["total"] == CAI


def test_a_problem_whose_data_nobody_stores_is_not_switched_to(client: Client) -> None:
    import json

    import datasets
    from protocol.encoding import encode

    manifest = {**json.loads(datasets.load_problem("digits")), "title": "The same again"}
    alice, miner = Holder(ALICE), Miner()
    proposal = alice.sign(Propose("problem", encode(manifest).decode()))
    miner.extend(signed=[proposal])
    miner.extend(signed=[alice.sign(Support(proposal.txid, 50_000 * CAI))])
    miner.extend_by(2)
    draw = read(client, "draws/4")["draws"][0]
    assert (draw["outcome"], draw["winner"]) == ("not_stored", proposal.txid)
    assert read(client, f"proposals/{proposal.txid}")["title"] == "The same again"


def test_withdrawn_stakes_are_gone(client: Client, story: dict[str, Any]) -> None:
    late = story["bob"].sign(Support(story["txid"], 7 * CAI))
    story["miner"].extend(signed=[late])  # after the last height that counts in block 4
    counted = read(client, f"proposals/{story['txid']}")["counted"]
    assert counted == 35_000 * CAI
    story["miner"].extend(signed=[story["bob"].sign(Withdraw(story["txid"]))])
    # What counted in the draw of block 4 was not free; the late stake was.
    assert read(client, "draws/4")["draws"][1]["total"] == 35_000 * CAI


def test_what_is_not_there_is_not_found(client: Client) -> None:
    assert client.get(f"/api/v1/proposals/{'00' * 32}").status_code == 404
    assert client.get("/api/v1/draws/4").status_code == 404
