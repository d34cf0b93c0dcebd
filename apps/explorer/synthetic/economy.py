"""Who pays whom on a synthetic chain: few addresses are very active, most hardly ever, nobody overspends."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from protocol.blocks import Genesis
from protocol.crypto import address, sha3_256
from protocol.ledger import compute_keeper_share, compute_subsidy
from protocol.params import ChainParams

MINERS = 400
FIRST_OWNERS = 50
"""Addresses to which the genesis document gives coins, and that pay when a chosen sender has none."""
FIRST_COINS = 10**13
LEAST_FEE = 1000
PPM = 10**6
BATCH = 20_000

Entry = Mapping[str, int | str]


@dataclass(frozen=True, slots=True)
class Payment:
    """One transfer: who pays how much to whom."""

    sender: int
    sequence: int
    fee: int
    outputs: Sequence[tuple[int, int]]
    """(receiver, amount), as they stand in the transfer."""


class Economy:
    """The accounts of a synthetic chain, as its blocks change them."""

    def __init__(self, params: ChainParams, *, addresses: int, rng: np.random.Generator) -> None:
        self._params = params
        self._rng = rng
        # Nobody has the secrets: these are not even points on the curve, every second time.
        self.keys = [sha3_256(b"synthetic/%d" % number).hex() for number in range(addresses)]
        self.addresses = [address(bytes.fromhex(key)) for key in self.keys]
        self._balances = [0] * addresses
        self._sequences = [0] * addresses
        self._rewards: deque[tuple[int, int, int]] = deque()
        self._issued = self._keepers = 0
        self._draws = self._draw()

    def allocations(self) -> dict[str, int]:
        """What the genesis document has to give to whom."""
        return {self.addresses[number]: FIRST_COINS for number in range(self._owners)}

    def begin(self, genesis: Genesis) -> None:
        """Give the genesis document's coins out."""
        for number in range(self._owners):
            self._balances[number] = genesis.allocations[self.addresses[number]]
        self._issued = sum(genesis.allocations.values())

    def unlock(self, height: int) -> None:
        """Make the reward that ripens with block ``height`` spendable, before its transfers (§7.2)."""
        while self._rewards and self._rewards[0][0] <= height - self._params.maturity_blocks:
            _, miner, amount = self._rewards.popleft()
            self._balances[miner] += amount

    def reward(self, height: int, miner: int, fees: int) -> int:
        """Lock the reward of block ``height`` for its miner, and return it."""
        subsidy, share = compute_subsidy(self._params, height), compute_keeper_share(self._params, height)
        self._issued += subsidy
        self._keepers += share
        amount = subsidy - share + fees
        self._rewards.append((height, miner, amount))
        return amount

    def pick_miner(self) -> int:
        """Who mines the next block: few mine many."""
        return int(min(MINERS, len(self.keys)) * self._rng.random() ** 2)

    def pay(self) -> Payment | None:
        """The next transfer, done; None when not even the first owners have anything left."""
        sender, receivers, share, extra = next(self._draws)
        least = len(receivers) + LEAST_FEE + extra
        if self._balances[sender] < 2 * least:
            sender = max(range(self._owners), key=self._balances.__getitem__)
            if self._balances[sender] < 2 * least:
                return None
        balance, fee = self._balances[sender], LEAST_FEE + extra
        amount = max(1, (balance - fee) * share // PPM // len(receivers))
        sequence = self._sequences[sender]
        self._sequences[sender] += 1
        self._balances[sender] = balance - fee - amount * len(receivers)
        for receiver in receivers:
            self._balances[receiver] += amount
        return Payment(sender, sequence, fee, [(receiver, amount) for receiver in receivers])

    def propose(self) -> Payment | None:
        """A transfer that waits: the accounts stay as they are but for the sequence, which the next one
        follows.
        """
        before = list(self._balances)
        payment = self.pay()
        self._balances = before
        return payment

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """The ledger's entries about coins (docs/protocol.md §7.1)."""
        for number, (balance, sequence) in enumerate(zip(self._balances, self._sequences, strict=True)):
            if balance or sequence:
                yield f"account/{self.addresses[number]}", {"balance": balance, "sequence": sequence}
        for height, miner, amount in self._rewards:
            yield f"reward/{height}", {"address": self.addresses[miner], "amount": amount}
        yield "supply", {"issued": self._issued, "burned": 0}
        if self._keepers:
            yield "keeper_pool", {"amount": self._keepers}

    @property
    def _owners(self) -> int:
        return min(FIRST_OWNERS, len(self.keys))

    def _draw(self) -> Iterator[tuple[int, list[int], int, int]]:
        """Sender, receivers, share of the balance in ppm and extra fee, drawn many at a time."""
        count, rng = len(self.keys), self._rng
        while True:
            senders = (count * rng.random(BATCH) ** 4).astype(np.int64).tolist()
            # Most pay one; some two, as with change; now and then somebody pays a whole pool.
            sizes = rng.choice([1, 2, 3, 20], BATCH, p=[0.75, 0.2, 0.045, 0.005])
            sizes = np.minimum(sizes, self._params.max_outputs)
            is_known = rng.random(sizes.sum()) < 0.7
            drawn = rng.random(sizes.sum())
            receivers = (count * np.where(is_known, drawn**3, drawn)).astype(np.int64).tolist()
            shares = (10 ** rng.uniform(1, 4.3, BATCH)).astype(np.int64).tolist()
            extras = rng.geometric(0.0005, BATCH).tolist()
            at = 0
            for sender, size, share, extra in zip(senders, sizes.tolist(), shares, extras, strict=True):
                yield sender, receivers[at : at + size], share, extra
                at += size
