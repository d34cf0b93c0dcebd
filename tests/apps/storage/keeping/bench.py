"""A keeper in the process of a test, on a real chain."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from apps.chain.api import get_entry
from apps.chain.models import Block, Transaction
from apps.common import object_store
from apps.storage.keeping.connecting import Limits
from apps.storage.keeping.fetching import Fetcher
from apps.storage.keeping.keeper import Keeper, Plan
from apps.storage.keeping.sending import Offer, Sender
from apps.storage.keeping.standing import Standing
from apps.storage.keeping.vault import Vault
from protocol.encoding import decode
from protocol.transactions import SignedTransaction, StorageProof, parse_transaction
from tests.apps.chain.miner import Miner
from tests.apps.storage.keeping.sources import honest
from tests.protocol.cast import BOB
from tests.waiting import wait_until

CAPACITY = 3 * 10**6


@dataclass
class Bench:
    """A keeper and what it works with; `restart` is what `kill -9` and a new start come to."""

    miner: Miner
    root: Path
    site: str
    vault: Vault
    keeper: Keeper

    @classmethod
    def build(cls, miner: Miner, root: Path, site: str) -> "Bench":
        vault = Vault(root, 2 * CAPACITY)
        fetcher = Fetcher(vault.folder, Limits(silence_seconds=60, grace_seconds=120))
        plan = Plan(Offer(CAPACITY, "http://keeper.example"), [site], 3600, 3600, vain_seconds=0)
        return cls(miner, root, site, vault, Keeper(plan, vault, Sender(BOB.secret), fetcher))

    def restart(self) -> "Bench":
        self.vault.close()
        return self.build(self.miner, self.root, self.site)

    def step(self) -> Standing:
        """What the keeper does when a block came, until it has nothing left to do."""
        self.keeper.step()
        wait_until(lambda: not self.keeper._downloads or self.keeper.step() is None, seconds=120)
        return self.keeper.step()

    def mine(self) -> Block:
        """A block with all that waits."""
        rows = Transaction.objects.filter(status="pending").order_by("sender", "sequence")
        signed = [parse_transaction(decode(bytes(row.raw))) for row in rows]
        return self.miner.extend(signed=[item for item in signed if isinstance(item, SignedTransaction)])

    @property
    def entry(self) -> dict[str, Any] | None:
        return get_entry(f"keeper/{BOB.address}")


@pytest.fixture
def bench(miner: Miner, tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as stack:
        site = stack.enter_context(honest(object_store.get_folder()))
        bench = Bench.build(miner, tmp_path / "keeper", site)
        yield bench
        bench.vault.close()


def list_proofs() -> list[tuple[int, int]]:
    """The challenges that pending proofs answer."""
    rows = Transaction.objects.filter(kind=StorageProof.kind, status="pending").order_by("sequence")
    bodies: list[Any] = [parse_transaction(decode(bytes(row.raw))) for row in rows]
    return [(item.body.height, item.body.number) for item in bodies]
