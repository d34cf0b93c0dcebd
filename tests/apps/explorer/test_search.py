"""One field finds anything by its number, its date, its beginning or its name."""

import pytest

from apps.chain.models import Block
from apps.explorer.search import get_only_hit, parse_moment, search
from tests.apps.chain.miner import Miner
from tests.protocol.cast import ALICE, DAVE, transfer

pytestmark = pytest.mark.django_db


def kinds(text: str) -> list[tuple[str, str]]:
    return [(hit.kind, hit.id) for hit in search(text)]


def test_a_number_finds_the_block_of_that_height(miner: Miner) -> None:
    blocks = miner.extend_by(2)
    for text in ("2", " #2 ", "0002"):
        assert kinds(text)[0] == ("block", blocks[1].hash)
    assert ("block", blocks[1].hash) not in kinds("3")
    found = search("2")[0]
    assert (found.label, found.url) == ("Block 2", f"/blocks/{blocks[1].hash}/")


def test_the_beginning_of_a_hash_finds_what_it_names(miner: Miner) -> None:
    payment = transfer(ALICE, (DAVE, 5))
    block = miner.extend(signed=[payment])
    for kind, name in [
        ("block", block.hash),
        ("transaction", payment.txid),
        ("model", block.model),
        ("problem", block.problem),
        ("grammar", block.grammar),
    ]:
        for length in (8, 64):
            assert (kind, name) in kinds(name[:length].upper())
        only = get_only_hit(name)
        assert only is not None
        assert (only.kind, only.id) == (kind, name)
    assert kinds(block.hash[:2]) == []


def test_a_block_outside_the_chain_is_found_and_named_so(miner: Miner) -> None:
    block = miner.submit()
    assert search(block.hash)[0].detail.endswith("not in the chain")


def test_addresses_are_found_by_their_beginning_even_when_never_seen(miner: Miner) -> None:
    miner.extend()
    assert kinds(ALICE.address[:9]) == [("address", ALICE.address)]
    assert kinds(DAVE.address) == [("address", DAVE.address)]
    assert search(DAVE.address)[0].detail == "not seen in the chain"
    assert kinds("cai1zzzzzz") == []


def test_words_of_a_title_find_the_problem_in_any_order(miner: Miner) -> None:
    block = miner.extend()
    title = search(block.problem)[0].label.removeprefix("Problem ")
    word = title.split()[0]
    assert ("problem", block.problem) in kinds(word.lower())
    assert ("problem", block.problem) in kinds(" ".join(reversed(title.split())))
    assert kinds("nothing of that name") == []
    assert kinds("100% _") == []


def test_a_date_finds_the_nearest_blocks(miner: Miner) -> None:
    blocks = miner.extend_by(3)
    assert kinds("2023-11-14 22:13:30") == [("block", blocks[1].hash), ("block", blocks[2].hash)]
    assert kinds("2020-01-01") == [("block", blocks[0].hash)]
    assert kinds("2099-12") == [("block", blocks[2].hash)]


def test_moments_are_read_as_utc() -> None:
    assert parse_moment("2023-11-14") == 1699920000
    assert parse_moment("2023-11-14T22:13:20Z") == 1_700_000_000
    assert parse_moment("2023-11-14 22:13 UTC") == 1_699_999_980
    for text in ("2023-13-01", "2023-02-30", "2023", "14.11.2023", "2023-11-14 25:00"):
        assert parse_moment(text) is None


def test_only_a_complete_name_goes_straight_to_its_page(miner: Miner) -> None:
    block = miner.extend()
    assert get_only_hit(block.hash[:20]) is None
    assert get_only_hit("1") is not None
    assert get_only_hit("77") is None


@pytest.mark.parametrize("text", ["", "   ", "\x00", "'; --", "%" * 300, "ab" * 40, "９", "-1", "9" * 40])
def test_odd_texts_find_nothing_and_harm_nothing(genesis: Block, text: str) -> None:
    assert search(text) == []
