"""The agent against a small real pool on this machine; its mining processes say what a test wants."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from protocol.enrolment import connection_bytes, is_signed_by
from workers import agent
from workers.agent import Agent, Measured, Place, RefusedError
from workers.identity import Identity

IDENTITY = Identity(bytes(range(32)))
NONCE = "ab" * 32
RUN = {"nonce": 7, "state": "training", "steps": 1, "total_steps": 9, "error": None}


class Pool:
    """A pool that gives each place one lease after the other; ``heard`` holds every message, oldest first."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.connections: list[ServerConnection] = []
        self.server: Server | None = None
        self.port = 0
        self.given = 0
        self.refusal: dict[str, Any] | None = None
        self.is_silent = False

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def open(self) -> None:
        self.server = await serve(self._serve, "127.0.0.1", self.port)
        self.port = next(iter(self.server.sockets)).getsockname()[1]

    async def close(self) -> None:
        if self.server is not None:
            self.server.close()
            await self.server.wait_closed()

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.heard if message["type"] == kind]

    async def send(self, message: dict[str, Any]) -> None:
        await self.connections[-1].send(json.dumps(message))

    async def _serve(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        try:
            async for text in connection:
                message = json.loads(text)
                self.heard.append(message)
                for answer in self._answer(message):
                    await connection.send(json.dumps(answer))
        except ConnectionClosed:
            pass

    def _answer(self, message: dict[str, Any]) -> list[dict[str, Any]]:
        kind = message["type"]
        if kind == "join":
            return [{"type": "challenge", "nonce": NONCE}]
        if kind == "prove":
            return [self.refusal or {"type": "welcome", "name": "desk", "address": "cai1…", "slots": 2}]
        if kind == "want":
            return [self.make_lease(message["slot"])]
        if kind == "resume":
            return [{"type": "resumed", "lease": message["lease"]}]
        if self.is_silent:
            return []
        ok = {"type": "ok", "lease": message["lease"], "target_error": 5, "expires": 1}
        is_over = kind == "finished" and message.get("more", True)
        return [ok, self.make_lease(0)] if is_over else [ok]

    def make_lease(self, slot: int) -> dict[str, Any]:
        self.given += 1
        lease = {"id": f"L{self.given}", "height": 1, "nonce_start": 0, "nonce_end": 9}
        return {"type": "lease", "slot": slot, "token": f"T{self.given}", "lease": lease}


class FakePlace(Place):
    """A mining process that says what the test wants."""

    def __init__(self, number: int, site_url: str) -> None:
        super().__init__(number, site_url)
        self.told: list[dict[str, Any]] = []
        self.events: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self.starts = 0

    async def start(self) -> None:
        self.starts += 1
        self.events.put_nowait({"event": "ready"})

    def send(self, message: dict[str, Any]) -> None:
        self.told.append(message)

    async def read(self) -> dict[str, Any] | None:
        return await self.events.get()

    async def stop(self) -> None:
        pass

    def of(self, command: str) -> list[dict[str, Any]]:
        return [message for message in self.told if message["command"] == command]


@pytest.fixture
async def pool(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pool]:
    monkeypatch.setattr(agent, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(agent, "BACK_OFF_SECONDS", (0.02,))
    monkeypatch.setattr(agent, "Place", FakePlace)
    opened = Pool()
    await opened.open()
    yield opened
    await opened.close()


class Running:
    """An agent at work, with one fake mining process or more."""

    def __init__(self, pool: Pool, processes: int = 1) -> None:
        measured = Measured("CPU, 1 thread", 1, 100.0)
        self.agent = Agent(f"http://{pool.host}", IDENTITY, "testing", measured, processes)
        self.task = asyncio.create_task(self.agent.run())

    @property
    def place(self) -> FakePlace:
        place = self.agent.places[0]
        assert isinstance(place, FakePlace)
        return place

    async def end(self) -> None:
        self.agent.stop()
        await asyncio.wait_for(self.task, 10)


@pytest.fixture
async def running(pool: Pool) -> AsyncIterator[Running]:
    made = Running(pool)
    yield made
    if not made.task.done():
        await made.end()


async def until(condition: Any, seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def test_it_proves_its_key_for_the_site_that_it_called(pool: Pool, running: Running) -> None:
    await until(lambda: pool.of_type("prove"))
    message = connection_bytes(network="testing", host=pool.host, worker_key=IDENTITY.key, nonce=NONCE)
    proof = pool.of_type("prove")[0]
    assert is_signed_by(IDENTITY.key, message, proof["signature"])
    assert (proof["slots"], proof["steps_per_second"]) == (1, 100.0)


async def test_a_lease_goes_to_its_process_and_the_news_come_back_once(pool: Pool, running: Running) -> None:
    await until(lambda: running.place.of("lease"))
    assert running.place.of("lease")[0]["lease"]["id"] == "L1"
    running.place.events.put_nowait({"event": "work", "lease": "L1", "work": [9, 2, 0.5]})
    running.place.events.put_nowait({"event": "run", "lease": "L1", "run": RUN, "point": [0.1, 1, 2.0, None]})
    await until(lambda: any(beat["runs"] for beat in pool.of_type("heartbeat")))
    seen = len(pool.heard)
    await until(lambda: len(pool.heard) > seen + 2)
    told = [run for beat in pool.of_type("heartbeat") for run in beat["runs"]]
    assert told == [{**RUN, "points": [[0.1, 1, 2.0, None]]}]
    assert pool.of_type("heartbeat")[-1]["tried"] == 9
    assert pool.of_type("heartbeat")[-1]["token"] == "T1"


async def test_after_the_last_network_it_finishes_and_gets_the_next_lease(
    pool: Pool, running: Running
) -> None:
    await until(lambda: running.place.of("lease"))
    running.place.events.put_nowait({"event": "finished", "lease": "L1"})
    await until(lambda: len(running.place.of("lease")) == 2)
    assert pool.of_type("finished")[0]["lease"] == "L1"


async def test_a_cancel_reaches_the_process_at_once(pool: Pool, running: Running) -> None:
    await until(lambda: running.place.of("lease"))
    await pool.send({"type": "cancel", "lease": "L1", "reason": "new_tip"})
    await until(lambda: running.place.of("cancel"), seconds=1.0)
    assert running.place.of("cancel") == [{"command": "cancel", "lease": "L1"}]


async def test_it_comes_back_and_resumes_its_lease(pool: Pool, running: Running) -> None:
    await until(lambda: pool.of_type("heartbeat"))
    await pool.connections[-1].close()
    await until(lambda: pool.of_type("resume"))
    assert pool.of_type("resume")[0]["lease"] == "L1"
    assert len(running.place.of("lease")) == 1


async def test_it_waits_for_a_site_that_is_away(pool: Pool, running: Running) -> None:
    await until(lambda: pool.of_type("heartbeat"))
    await pool.close()
    pool.heard.clear()
    await pool.open()
    await until(lambda: pool.of_type("resume"))


async def test_a_process_that_died_is_started_again(pool: Pool, running: Running) -> None:
    await until(lambda: running.place.of("lease"))
    running.place.events.put_nowait(None)
    await until(lambda: running.place.starts == 2 and pool.of_type("finished"))


async def test_a_busy_site_is_not_pressed(pool: Pool, running: Running) -> None:
    pool.is_silent = True
    await until(lambda: pool.of_type("heartbeat"))
    await asyncio.sleep(0.3)  # six heartbeats would be due
    assert len(pool.of_type("heartbeat")) == 1


async def test_it_ends_by_giving_its_lease_back(pool: Pool, running: Running) -> None:
    await until(lambda: running.place.of("lease"))
    await running.end()
    await until(lambda: pool.of_type("finished"))
    assert pool.of_type("finished")[-1]["more"] is False


async def test_a_revoked_worker_ends_with_the_reason(pool: Pool, running: Running) -> None:
    pool.refusal = {"type": "refused", "code": 1037, "name": "worker_revoked", "detail": "taken back"}
    with pytest.raises(RefusedError, match="taken back"):
        await asyncio.wait_for(running.task, 10)
