"""The pages of proposals, votes and draws: what a person without script reads there."""

import re
from typing import Any

import pytest
from django.test import Client

from apps.governance.models import Proposal
from protocol.transactions import Propose, Support, Withdraw
from tests.apps.chain.miner import Miner
from tests.apps.governance.holder import ALICE, BOB, CAI, TEXT, Holder

pytestmark = pytest.mark.usefixtures("genesis")


@pytest.fixture
def story() -> dict[str, Any]:
    """Block 1 opens two grammars; block 2 has Alice and Bob support one each, three to one."""
    alice, bob, miner = Holder(ALICE), Holder(BOB), Miner()
    first = alice.sign(Propose("grammar", TEXT))
    second = bob.sign(Propose("grammar", TEXT + "# and this line\n"))
    miner.extend(signed=[first, second])
    stakes = [alice.sign(Support(first.txid, 30_000 * CAI)), bob.sign(Support(second.txid, 10_000 * CAI))]
    miner.extend(signed=stakes)
    return {"miner": miner, "alice": alice, "bob": bob, "first": first.txid, "second": second.txid}


def read(client: Client, path: str, status: int = 200) -> str:
    """The words of a page, without markup."""
    answer = client.get(path)
    assert answer.status_code == status, answer.content[:2000]
    text = re.sub(r"<(script|style)\b.*?</\1>", " ", answer.content.decode(), flags=re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", text).replace("\u202f", " ").split())


def test_an_open_proposal_says_where_it_stands(client: Client, story: dict[str, Any]) -> None:
    words = read(client, f"/proposals/{story['first']}/")
    assert "Open since block 1" in words
    assert "75.0%" in words
    assert "Expires block 41" in words
    assert "at block 4" in words
    assert "Quorum" in words
    assert "comes back when it wins a draw or expires" in words


def test_the_form_says_without_script_what_an_amount_would_change(
    client: Client, story: dict[str, Any]
) -> None:
    words = read(client, f"/proposals/{story['second']}/?amount=20000")
    assert "odds from 25.0% to 50.0%" in words
    wrong = read(client, f"/proposals/{story['second']}/?amount=1,5")
    assert "behind a point" in wrong


def test_the_diff_shows_what_is_new_beside_the_grammar_in_force(
    client: Client, story: dict[str, Any]
) -> None:
    page = client.get(f"/proposals/{story['second']}/").content.decode()
    added = re.findall(r'diff-added"><span class="diff-sign">\+</span>(.*?)</div>', page)
    assert added == ["# Small networks only", "# and this line"]


def test_it_says_when_stakes_stand_still(client: Client, story: dict[str, Any]) -> None:
    words = read(client, f"/proposals/{story['first']}/")
    assert "stakes from block 2 and before stand still, until the draw of block 4" in words


def test_the_draw_has_seed_intervals_and_pick(client: Client, story: dict[str, Any]) -> None:
    story["miner"].extend_by(2)
    words = read(client, "/draws/4/")
    assert "The lot fell to" in words
    assert "from block 6 on" in words
    assert "picked" in words
    assert "nothing to draw" in words
    winner = Proposal.objects.get(drawn_height=4)
    shown = read(client, f"/proposals/{winner.txid}/")
    assert "It won the draw of block 4" in shown
    assert "came back to its proposer at the draw of block 4" in shown
    assert "Support it" not in shown
    assert winner.title in read(client, "/draws/")


def test_both_lists_page_through_everything(
    client: Client, story: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.governance.views_votes.PAGE_PROPOSALS", 1)
    seen, path = [], "/proposals/?subject=grammar"
    while path:
        page = client.get(path).content.decode()
        seen += re.findall(r'<td><a href="/proposals/([0-9a-f]{64})/">', page)
        older = re.search(r'href="(\?[^"]*before=[^"]+)">Earlier', page)
        path = "/proposals/" + older[1].replace("&amp;", "&") if older else ""
    assert sorted(seen) == sorted([story["first"], story["second"]])


def test_problem_and_grammar_lists_show_what_is_open(client: Client, story: dict[str, Any]) -> None:
    grammars = read(client, "/grammars/")
    assert "Open proposals" in grammars
    assert "75.0%" in grammars
    assert "Propose one" in read(client, "/problems/")


def test_the_api_says_which_contents_were_proposed(client: Client, story: dict[str, Any]) -> None:
    story["miner"].extend_by(4)
    items = {item["id"]: item for item in client.get("/api/v1/grammars").json()["items"]}
    row = Proposal.objects.get(drawn_height=4)
    assert (items[row.content]["proposal"], items[row.content]["status"]) == (row.txid, "active")
    genesis = next(item for name, item in items.items() if name != row.content)
    assert (genesis["proposal"], genesis["stake"], genesis["odds_ppm"]) == ("", 0, None)
    problem = client.get("/api/v1/problems").json()["items"][0]
    assert (problem["proposal"], problem["status"]) == ("", "")


def test_transactions_say_what_they_do(client: Client, story: dict[str, Any]) -> None:
    bob = story["bob"]
    taken = bob.sign(Withdraw(story["second"]))
    support = bob.sign(Support(story["second"], 7 * CAI))
    story["miner"].extend_by(2)
    if Proposal.objects.get(drawn_height=4).txid == story["second"]:
        pytest.skip("the lot freed what this test takes back")
    story["miner"].extend(signed=[taken, support])
    assert "opens the proposal" in read(client, f"/transactions/{story['first']}/")
    assert "locks 7 CAI on" in read(client, f"/transactions/{support.txid}/")
    assert "takes its stakes back from" in read(client, f"/transactions/{taken.txid}/")
    assert "«Small networks only»" in read(client, f"/addresses/{support.sender}/")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/proposals/nothing/", 404),
        ("/proposals/" + 64 * "0" + "/", 404),
        ("/proposals/?subject=other", 400),
        ("/proposals/?before=x", 400),
        ("/draws/?before=x", 400),
        ("/draws/3/", 404),
    ],
)
def test_what_is_not_there_is_a_page_too(client: Client, path: str, status: int) -> None:
    read(client, path, status)
