"""Who do harm by how they speak: too much, too slowly, nonsense, or made-up places and times."""

import asyncio
import json
import random
from typing import Any, ClassVar

from apps.chain.peers import limits, messages
from apps.chain.peers.errors import (
    BadNodeMessage,
    NodeMessageTooLarge,
    OutOfTurn,
    TooManyNodeMessages,
    TooSlow,
)
from apps.chain.peers.hub import Hub
from apps.chain.peers.messages import encode_message
from tests.apps.chain.peers.adversary import Adversary
from tests.network.desk import Desk

GARBAGE = ("", "[]", "{}", "null", '{"kind":7}', '{"kind":"dance"}', "[" * 5000, '{"id":-1,"kind":"ping"}')


class Oversized(Adversary):
    """Sends more than a message may have."""

    codes: ClassVar = {NodeMessageTooLarge.code}

    async def harm(self) -> None:
        self.send_text("x" * self.dice.randrange(2 * 2**20, 4 * 2**20))
        await self.stay()


class Malformed(Adversary):
    """Sends what is no message: nonsense, or a message with something changed."""

    codes: ClassVar = {*range(100, 400), BadNodeMessage.code, OutOfTurn.code, NodeMessageTooLarge.code}

    async def harm(self) -> None:
        for _ in range(20):
            self.send_text(self.dice.choice(GARBAGE) if self.dice.random() < 0.3 else self._mutate())
        await self.stay()

    def _mutate(self) -> str:
        content = json.loads(encode_message(messages.Tip(self.draw_hash(), 1, 1)))
        name = self.dice.choice(sorted(content))
        content[name] = self.dice.choice([None, [], {}, -1, 2**70, 0.5, "", "ü" * 100, "\ud800"])
        return json.dumps(content)


class Loris(Adversary):
    """Opens a connection and never says who it is."""

    calls: ClassVar = 1
    codes: ClassVar = {TooSlow.code}

    async def attack(self) -> None:
        self._hub.add(self.session)
        await self.session.guard(self.session.start())
        await self.stay()


class Unreading(Adversary):
    """Asks for much and reads none of it."""

    calls: ClassVar = 1
    codes: ClassVar = {TooSlow.code, TooManyNodeMessages.code}

    async def _receive(self, text: str) -> None:
        if self.session.is_ready:
            await asyncio.sleep(3600)
        await super()._receive(text)

    async def harm(self) -> None:
        for number in range(100):
            self.send(messages.GetHeaders(number, (self.desk.blocks[0].hash,)))
        await self.stay()


class Silent(Adversary):
    """Says that it has everything, and answers nothing."""

    calls: ClassVar = 1
    codes: ClassVar = {TooSlow.code}

    def answer(self, message: messages.Message) -> None:
        if isinstance(message, messages.GetHeaders):
            super().answer(message)

    async def harm(self) -> None:
        self.send(messages.Tip(self.draw_hash(), 2**40, 2**50))
        await self.stay()


class Questioner(Adversary):
    """Asks without end."""

    codes: ClassVar = {TooManyNodeMessages.code, TooSlow.code}

    async def harm(self) -> None:
        for number in range(4 * (limits.MESSAGES_AT_ONCE + limits.EXCESS_MESSAGES)):
            self.send(
                self.dice.choice(
                    (
                        messages.GetBlock(number, self.draw_hash()),
                        messages.GetPiece(number, self.draw_hash(), 0),
                        messages.GetTransactions(number, (self.draw_hash(),)),
                        messages.GetAddresses(number),
                    )
                )
            )
        await self.stay()


class Gossip(Adversary):
    """Tells news without end, all of them made up."""

    codes: ClassVar = {TooManyNodeMessages.code}

    async def harm(self) -> None:
        for _ in range(3 * (limits.NEWS_AT_ONCE + limits.EXCESS_NEWS)):
            self.send(
                self.dice.choice(
                    (
                        messages.HaveTransactions((self.draw_hash(),) * 10),
                        messages.HaveBlocks((self.draw_hash(),)),
                        messages.Tip(self.draw_hash(), self.dice.randrange(10**6), 1),
                        messages.Ping(1),
                    )
                )
            )
        await self.stay()


class Unasked(Adversary):
    """Answers what nobody asked."""

    codes: ClassVar = {OutOfTurn.code}

    async def harm(self) -> None:
        number = 2**52 + self.dice.randrange(2**40)
        self.send(self.dice.choice((messages.Missing(number), messages.Pong(number, 0))))
        await self.stay()


class Eclipser(Adversary):
    """Names a thousand addresses, its own among them, so that this node calls nobody else."""

    ends: ClassVar = False

    def build_hello(self, **changed: Any) -> messages.Hello:
        return super().build_hello(**{"url": self._draw_url(), **changed})

    def answer(self, message: messages.Message) -> None:
        if isinstance(message, messages.GetAddresses):
            urls = tuple(self._draw_url() for _ in range(limits.MAX_ADDRESSES))
            self.send(messages.Addresses(message.id, urls))
        else:
            super().answer(message)

    def _draw_url(self) -> str:
        host = ".".join(str(self.dice.randrange(1, 224)) for _ in range(4))
        return self.dice.choice((f"http://{host}:8000", f"http://h{self.dice.randrange(10**6)}.example"))


class Skewed(Adversary):
    """Has a clock that is hours off."""

    ends: ClassVar = False

    def __init__(self, hub: Hub, desk: Desk, *, dice: random.Random, **terms: Any) -> None:
        super().__init__(hub, desk, dice=dice, clock=dice.choice((-1, 1)) * dice.uniform(60, 10**6), **terms)
