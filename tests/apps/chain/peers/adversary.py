"""The least that all who mean ill have in common."""

import asyncio
import random
from typing import Any, ClassVar

from apps.chain.peers.hub import Hub
from tests.apps.chain.peers.memory import MemoryPeer, wait_for
from tests.network.desk import Desk


class Adversary(MemoryPeer):
    """One connection of one who means ill. ``codes``: for which it may be refused; ``ends``: it must be."""

    codes: ClassVar[set[int]] = set()
    ends: ClassVar[bool] = True
    calls: ClassVar[int] = 2
    """So often it comes with one key, unless that is banned before."""

    def __init__(self, hub: Hub, desk: Desk, *, dice: random.Random, **terms: Any) -> None:
        super().__init__(hub, desk, **terms)
        self.dice = dice

    async def attack(self) -> None:
        """Shake hands and do harm; returns when the node has hung up, or after a while."""
        await self.dial()
        if not self.session.is_closed:
            await self.harm()

    async def harm(self) -> None:
        """What this one does."""
        await self.stay()

    async def stay(self, seconds: float = 4.0) -> None:
        """Until the node hangs up: for those who must be refused as long as it takes, else for a while."""
        if self.ends:
            await wait_for(lambda: self.session.is_closed, what=f"{type(self).__name__} to be refused")
            return
        for _ in range(int(20 * seconds)):
            if self.session.is_closed:
                return
            await asyncio.sleep(0.05)

    def draw_hash(self) -> str:
        """A hash of nothing."""
        return self.dice.randbytes(32).hex()
