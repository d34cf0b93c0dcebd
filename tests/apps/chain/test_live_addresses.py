"""`address:ADDRESS`: whoever follows one hears of each transaction that touches it."""

from typing import Any

import pytest
from asgiref.sync import sync_to_async

from apps.chain.genesis import init_chain
from apps.chain.live import read_address
from apps.common.live import keep_followed, publish_followed, read_snapshot
from apps.common.models import LiveTopic
from tests.apps.chain.miner import Miner
from tests.apps.chain.sending import pay, send
from tests.apps.following import following
from tests.protocol.cast import ALICE, BOB, DAVE, transfer

GENESIS_TIME = 1_700_000_000


@pytest.mark.django_db(transaction=True)
async def test_a_payment_is_followed_from_pending_into_its_block() -> None:
    miner = await sync_to_async(begin)()
    topic = f"address:{DAVE.address}"
    async with following() as follower:
        first = await follower.ask({"subscribe": [topic]})
        assert first["snapshot"]["pending"] == {"incoming": 0, "outgoing": 0, "next_sequence": 0}
        old, new = pay(fee=1), pay(fee=2, amount=6)
        await sync_to_async(send)(old)
        assert (await read_delta(follower))["status"] == "pending"
        await sync_to_async(send)(new)
        heard = [await read_delta(follower)]
        heard += [] if len(heard) == 2 else [await read_delta(follower)]
        assert {(item["transaction"]["txid"], item["status"]) for item in heard} == {
            (old.txid, "replaced"),
            (new.txid, "pending"),
        }
        await sync_to_async(miner.extend)(signed=[new])
        delta = await read_delta(follower)
        assert (delta["status"], delta["height"]) == ("included", 1)
        assert delta["transaction"]["txid"] == new.txid


async def read_delta(follower: Any) -> dict[str, Any]:
    """The next delta; those that came together are given one by one."""
    if not hasattr(follower, "kept"):
        follower.kept = []
    if not follower.kept:
        message = await follower.receive()
        follower.kept = message["deltas"] if "deltas" in message else [message["delta"]]
    found: dict[str, Any] = follower.kept.pop(0)
    return found


def begin() -> Miner:
    init_chain(now=GENESIS_TIME)
    return Miner()


@pytest.mark.django_db
@pytest.mark.usefixtures("genesis")
def test_nothing_is_published_for_addresses_that_nobody_follows() -> None:
    send(pay())
    assert not LiveTopic.objects.filter(topic__startswith="address:").exists()
    keep_followed([f"address:{BOB.address}", "mempool"])
    publish_followed({f"address:{ALICE.address}": [lambda: pytest.fail("nobody asked for this")]})
    send(transfer(ALICE, (BOB, 1), sequence=1))
    assert LiveTopic.objects.get(topic=f"address:{BOB.address}").sequence == 1


@pytest.mark.django_db
@pytest.mark.usefixtures("genesis")
def test_the_snapshot_has_balance_and_what_waits_and_there_is_none_of_what_is_no_address() -> None:
    row = send(transfer(ALICE, (DAVE, 50)))
    view = read_address(DAVE.address)
    assert view is not None
    assert (view["balance"], view["pending"]["incoming"]) == (0, 50)
    assert [item["txid"] for item in view["transactions"]] == [row.txid]
    assert read_snapshot("address:cai1nonsense") is None
    assert not LiveTopic.objects.filter(topic="address:cai1nonsense").exists()
