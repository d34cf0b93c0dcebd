"""Peers that mean ill, each in its own way: what they say comes from dice, so that a seed says it again.

Here are those who lie about the chain; `floods` has the others.
"""

import asyncio
import random
import secrets
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

from apps.chain.peers import limits, messages
from apps.chain.peers.errors import (
    EndlessHeaders,
    Equivocation,
    HeadersNotLinked,
    PeerBanned,
    TooManyNodeMessages,
    TooSlow,
    WrongAnnouncement,
    WrongBody,
    WrongPiece,
)
from protocol.blocks import Block, Header, seal_header
from protocol.errors import FalseClaim, InvalidSeal, WrongTimestamp
from protocol.threshold import compute_threshold
from tests.apps.chain.peers.adversary import Adversary
from tests.apps.chain.peers.floods import (
    Eclipser,
    Gossip,
    Loris,
    Malformed,
    Oversized,
    Questioner,
    Silent,
    Skewed,
    Unasked,
    Unreading,
)
from tests.network.desk import Desk
from tests.network.scripted import to_candidate

FIRST_ROUNDS = 20


def falsify(desk: Desk, block: Block, **changed: Any) -> Block:
    """The block with other header fields, sealed again."""
    return Block(seal_header(replace(block.header, **changed), desk.secret), block.transactions)


class FalseClaimer(Adversary):
    """Claims an error that its model does not have, on top of the best chain."""

    codes: ClassVar = {FalseClaim.code}
    ends: ClassVar = False  # only who could win is evaluated

    async def harm(self) -> None:
        block, _ = await asyncio.to_thread(self.desk.make, round=self.dice.randrange(2, FIRST_ROUNDS))
        lie = falsify(self.desk, block, error=block.header.error - self.dice.randrange(1, 1000))
        self.desk.blocks.append(lie)
        self.announce(lie)
        self.tell_tip()
        await self.stay()


class RuleBreaker(Adversary):
    """Says that headers which break a rule are its chain."""

    codes: ClassVar = {WrongTimestamp.code}

    async def harm(self) -> None:
        block, _ = await asyncio.to_thread(self.desk.make)
        shift = self.dice.choice((-1, 1, 1000))
        self.desk.blocks.append(falsify(self.desk, block, timestamp=block.header.timestamp + shift))
        self.tell_tip()
        await self.stay()


class Modelless(Adversary):
    """Gives a block and withholds its model."""

    ends: ClassVar = False

    async def harm(self) -> None:
        self.desk.models = {}  # not those of the others
        block, _ = await asyncio.to_thread(self.desk.make, round=2)
        self.desk.models.clear()
        self.desk.blocks.append(block)
        self.announce(block)
        self.tell_tip()
        await self.stay()


class Deceiver(Adversary):
    """Has a better block, and answers wrongly to whoever asks for what belongs to it."""

    ends: ClassVar = False  # unless it is asked

    async def harm(self) -> None:
        block, _ = await asyncio.to_thread(self.desk.make, round=2)
        self.desk.blocks.append(block)
        self.announce(block)
        self.tell_tip()
        await self.stay()


class Tamperer(Deceiver):
    """Gives models with one byte changed."""

    codes: ClassVar = {WrongPiece.code}

    def _find_piece(self, message: messages.GetPiece) -> messages.Message:
        found = super()._find_piece(message)
        if isinstance(found, messages.Piece):
            return replace(found, data=bytes([found.data[0] ^ 1]) + found.data[1:])
        return found


class Swapper(Deceiver):
    """Gives another block than the one that was asked for."""

    codes: ClassVar = {WrongBody.code}

    def _find_block(self, message: messages.GetBlock) -> messages.Message:
        found = super()._find_block(message)
        if isinstance(found, messages.BlockMessage):
            header = {**found.block["header"], "nonce": self.dice.randrange(2**50)}  # type: ignore[dict-item]
            return replace(found, block={**found.block, "header": header})
        return found


class Endless(Adversary):
    """Has a better chain than the last one whenever it is asked, and not one block of any."""

    codes: ClassVar = {EndlessHeaders.code}

    def _list_headers(self, locator: tuple[str, ...]) -> tuple[Any, ...]:
        self.tell_tip()
        return tuple(dict(header.to_json()) for header in self._forge(limits.MAX_HEADERS))

    def _find_block(self, message: messages.GetBlock) -> messages.Message:
        return messages.Missing(message.id)

    def _forge(self, count: int) -> Iterator[Header]:
        desk, parent = self.desk, self.desk.blocks[1].header
        floor = compute_threshold(desk.params, floor=0, opening=parent.threshold, round=0)
        for number in range(count):
            opening = parent.threshold + desk.params.raise_
            threshold = compute_threshold(desk.params, floor=floor, opening=opening, round=FIRST_ROUNDS)
            parent = replace(
                parent,
                previous=parent.hash,
                height=parent.height + 1,
                round=FIRST_ROUNDS,
                timestamp=parent.timestamp + (FIRST_ROUNDS + 1) * desk.params.round_seconds,
                threshold=threshold,
                nonce=self.dice.randrange(2**40) if number == 0 else 0,
                error=100,
            )
            yield parent


class Unlinked(Adversary):
    """Tells headers that stand on nothing."""

    codes: ClassVar = {HeadersNotLinked.code}

    def _list_headers(self, locator: tuple[str, ...]) -> tuple[Any, ...]:
        return (dict(replace(self.desk.tip, previous=self.draw_hash()).to_json()),)


class Equivocator(Adversary):
    """Announces ever more candidates of one miner for one place."""

    codes: ClassVar = {Equivocation.code}

    async def harm(self) -> None:
        block, _ = await asyncio.to_thread(self.desk.make, round=2)
        for _ in range(40):
            self.send(to_candidate(falsify(self.desk, block, model=self.draw_hash())))
        await self.stay()


class Untimely(Adversary):
    """Announces candidates of all rounds: those long over, and those yet to come."""

    codes: ClassVar = {Equivocation.code, TooManyNodeMessages.code}

    async def harm(self) -> None:
        block, _ = await asyncio.to_thread(self.desk.make, round=2)
        second, parent = self.desk.params.round_seconds, self.desk.tip
        now = int(time.time() - parent.timestamp) // second
        rounds = [self.dice.choice((self.dice.randrange(3, now - 99), now + 99)) for _ in range(300)]
        for round in rounds:
            floor = block.header.threshold
            end = parent.timestamp + (round + 1) * second
            threshold = 0 if round >= self.desk.params.stall_rounds else floor
            self.send(
                to_candidate(
                    falsify(
                        self.desk,
                        block,
                        round=round,
                        timestamp=end,
                        threshold=threshold,
                        model=self.draw_hash(),
                    )
                )
            )
        await self.stay()


class Forger(Adversary):
    """Announces candidates that nobody sealed, or with a reward of another block."""

    codes: ClassVar = {InvalidSeal.code, WrongAnnouncement.code}

    async def harm(self) -> None:
        block, _ = await asyncio.to_thread(self.desk.make, round=2)
        candidate = to_candidate(block)
        if self.dice.random() < 0.5:
            self.send(replace(candidate, count=self.dice.randrange(2, 50)))
        else:
            header = {**candidate.header, "nonce": self.dice.randrange(2**40)}
            self.send(replace(candidate, header=header))
        await self.stay()


ADVERSARIES = (
    FalseClaimer,
    RuleBreaker,
    Modelless,
    Tamperer,
    Swapper,
    Endless,
    Unlinked,
    Oversized,
    Malformed,
    Loris,
    Unreading,
    Silent,
    Questioner,
    Gossip,
    Equivocator,
    Untimely,
    Forger,
    Eclipser,
    Unasked,
    Skewed,
)
ALWAYS: set[int] = {PeerBanned.code, TooSlow.code}
"""For which any of them may be refused: a ban found it first, or its own flood kept it from answering."""


def make_secret(dice: random.Random) -> bytes:
    """A key that comes back with the seed."""
    return dice.randbytes(32) or secrets.token_bytes(32)
