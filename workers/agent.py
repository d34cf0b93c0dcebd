"""A worker of a member: one connection to the pool, a mining process a core, no broker and no database.

docs/pool-protocol.md §7. Everything may be lost at any time: after a lost connection the worker proves its
key again and goes on with its leases; those that it does not come back for are given to somebody else.
"""

import asyncio
import contextlib
import json
import logging
import os
import random
import sys
import time
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from protocol.enrolment import connection_bytes
from workers import VERSION
from workers.identity import Identity
from workers.load import LeaseMeter, Meter
from workers.reports import Reports
from workers.web import is_loopback

HEARTBEAT_SECONDS = 1.0
ANSWER_SECONDS = 15.0
MAX_MESSAGE = 2**20
BACK_OFF_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
PATIENCE_SECONDS = 4.0  # for the answer to a heartbeat, before the next one is sent
FORGET_SECONDS = 120.0  # a lease that the site has not answered for so long is over in any case
END_SECONDS = 5.0  # for the mining processes at the end
# Refusals that trying again does not change: unknown or revoked keys, statements that ran out, a ban.
FINAL_CODES = {1020, 1030, 1031, 1037}
log = logging.getLogger("coinai-worker")


class RefusedError(Exception):
    """The site refused this worker; ``is_final`` when there is no sense in asking again."""

    def __init__(self, detail: str, code: int) -> None:
        super().__init__(detail)
        # What apps.wallet says of a delegation (12xx) and the rules of a statement stay so, too.
        self.is_final = code in FINAL_CODES or 1200 <= code < 1300


@dataclass(frozen=True, slots=True)
class Measured:
    """What workers.measure found."""

    device: str
    threads: int
    steps_per_second: float
    kind: str = "cpu"
    gpu: str | None = None


@dataclass(slots=True)
class Held:
    """A lease that one of the processes works on."""

    id: str
    token: str
    slot: int
    meter: LeaseMeter
    reports: Reports = field(default_factory=Reports)
    heard: float = field(default_factory=time.monotonic)
    sent: tuple[list[dict[str, Any]], list[tuple[int, list[float]]]] | None = None
    sent_at: float = 0.0

    def is_due(self) -> bool:
        """Whether the last heartbeat has been answered, or never will be: a busy site is not pressed."""
        return self.sent is None or time.monotonic() - self.sent_at > PATIENCE_SECONDS


class Place:
    """One mining process, started again when it dies."""

    def __init__(self, number: int, site_url: str) -> None:
        self.number, self.site_url = number, site_url
        self.process: asyncio.subprocess.Process | None = None
        self.held: Held | None = None
        self.is_ready = False

    async def start(self) -> None:
        """Start the process."""
        self.is_ready = False
        command = [sys.executable, "-m", "workers.slot", self.site_url]
        self.process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=2 * MAX_MESSAGE,
            env={**os.environ, "COINAI_WORKER_PLACE": str(self.number)},
        )

    def send(self, message: dict[str, Any]) -> None:
        """Tell the process something; a process that is gone is noticed by its reader."""
        if self.process is not None and self.process.stdin is not None:
            with contextlib.suppress(OSError, RuntimeError):
                self.process.stdin.write(json.dumps(message).encode() + b"\n")

    async def read(self) -> dict[str, Any] | None:
        """The next event; None at the end of the process."""
        if self.process is None or self.process.stdout is None:
            return None
        line = await self.process.stdout.readline()
        return json.loads(line) if line.endswith(b"\n") else None

    async def stop(self) -> None:
        """End the process: its input ends, and it with it; else it is killed."""
        process, self.process = self.process, None
        if process is None or process.returncode is not None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), END_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()


class Agent:
    """The whole worker."""

    def __init__(
        self, site_url: str, identity: Identity, network: str, measured: Measured, processes: int
    ) -> None:
        self.site_url, self.identity, self.network = site_url.rstrip("/"), identity, network
        self.measured = measured
        self.places = [Place(number, self.site_url) for number in range(processes)]
        self.meter = Meter(places=processes, gpu=measured.gpu)
        self.socket: ClientConnection | None = None
        self.is_stopping = asyncio.Event()

    async def run(self) -> None:
        """Work until `stop`. Raises RefusedError when the site wants this worker no more."""
        tasks = [asyncio.create_task(self._run_place(place)) for place in self.places]
        tasks.append(asyncio.create_task(self._stay_connected()))
        stopping = asyncio.create_task(self.is_stopping.wait())
        try:
            done, _ = await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopping}:
                task.result()
        finally:
            self.is_stopping.set()
            await self._finish_all()
            for task in (*tasks, stopping):
                task.cancel()
            await asyncio.gather(*tasks, stopping, return_exceptions=True)
            await asyncio.gather(*(place.stop() for place in self.places))

    def stop(self) -> None:
        """End soon, giving the leases back."""
        self.is_stopping.set()

    # ── the mining processes

    async def _run_place(self, place: Place) -> None:
        failures = 0
        while True:
            began = time.monotonic()
            await place.start()
            while (event := await place.read()) is not None:
                await self._note(place, event)
            if self.is_stopping.is_set():
                return
            await self._give_back(place)
            await place.stop()
            failures = 0 if time.monotonic() - began > 60 else failures + 1
            log.warning("mining process %d ended; it is started again", place.number + 1)
            await asyncio.sleep(BACK_OFF_SECONDS[min(failures, len(BACK_OFF_SECONDS) - 1)])

    async def _note(self, place: Place, event: dict[str, Any]) -> None:
        if event["event"] == "ready":
            place.is_ready = True
            await self._say({"type": "want", "slot": place.number})
            return
        held = place.held
        if held is None or event.get("lease") != held.id:
            return
        if event["event"] == "run":
            held.reports.note_run(event["run"], event["point"])
        elif event["event"] == "work":
            held.reports.note_work(*event["work"])
        elif event["event"] == "finished":
            await self._give_back(place)

    async def _give_back(self, place: Place, *, more: bool = True) -> None:
        """The lease is done: its last states and totals; if ``more``, the site sends the next one."""
        held, place.held = place.held, None
        if held is None:
            return
        await self._beat(held)
        await self._say({**self._make(held, "finished"), "more": more})

    async def _finish_all(self) -> None:
        for place in self.places:
            if place.held is not None:
                place.send({"command": "cancel", "lease": place.held.id})
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._give_back(place, more=False), 1.0)
        if self.socket is not None:
            with contextlib.suppress(TimeoutError, OSError, WebSocketException):
                await asyncio.wait_for(self.socket.close(), 1.0)

    # ── the connection

    async def _stay_connected(self) -> None:
        failures = 0
        while not self.is_stopping.is_set():
            try:
                async with await self._open() as socket:
                    await self._prove(socket)
                    failures, self.socket = 0, socket
                    await self._take_up()
                    await self._converse(socket)
            except RefusedError as refusal:
                if refusal.is_final:
                    raise
                log.warning("refused: %s", refusal)
            except (OSError, WebSocketException, TimeoutError, ValueError, KeyError) as failure:
                log.info("connection lost: %s", failure or type(failure).__name__)
            finally:
                self.socket = None
            # Not all at the same moment when a site comes back.
            pause = BACK_OFF_SECONDS[min(failures, len(BACK_OFF_SECONDS) - 1)]
            failures += 1
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 -- no secret
            self._forget_old()

    async def _open(self) -> ClientConnection:
        scheme, rest = self.site_url.split("://", 1)
        url = f"{'wss' if scheme == 'https' else 'ws'}://{rest}/ws/pool/"
        proxy: Literal[True] | None = None if is_loopback(self.site_url) else True
        return await connect(url, open_timeout=ANSWER_SECONDS, max_size=MAX_MESSAGE, proxy=proxy)

    async def _prove(self, socket: ClientConnection) -> None:
        await _send(socket, {"type": "join", "worker": self.identity.key})
        challenge = await _expect(socket, "challenge")
        message = connection_bytes(
            network=self.network,
            host=urlsplit(self.site_url).netloc.lower(),
            worker_key=self.identity.key,
            nonce=str(challenge["nonce"]),
        )
        measured = self.measured
        await _send(
            socket,
            {
                "type": "prove",
                "signature": self.identity.sign(message),
                "device": measured.device,
                "threads": measured.threads,
                "version": VERSION,
                "slots": len(self.places),
                "steps_per_second": measured.steps_per_second,
            },
        )
        welcome = await _expect(socket, "welcome")
        log.info("connected as %s, mining for %s", welcome["name"], welcome["address"])

    async def _take_up(self) -> None:
        """Go on with the leases at hand, and ask for those that are missing."""
        for place in self.places:
            held = place.held
            if held is not None:
                held.sent = None
                message = {"type": "resume", "slot": place.number, "lease": held.id, "token": held.token}
                await self._say(message)
            elif place.is_ready:
                await self._say({"type": "want", "slot": place.number})

    async def _converse(self, socket: ClientConnection) -> None:
        due = time.monotonic()
        while True:
            wait = due - time.monotonic()
            if wait <= 0:
                due = max(due + HEARTBEAT_SECONDS, time.monotonic())
                for place in self.places:
                    if place.held is not None and place.held.is_due():
                        await self._beat(place.held)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    text = await socket.recv()
                self._hear(json.loads(text))

    def _hear(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "refused":
            raise RefusedError(str(message.get("detail", "refused")), int(message.get("code", 0)))
        if kind == "lease":
            self._begin(message)
            return
        place = next((p for p in self.places if p.held and p.held.id == message.get("lease")), None)
        if place is None or place.held is None:
            return
        held = place.held
        held.heard = time.monotonic()
        if kind == "ok" and held.sent is not None:
            held.reports.forget(*held.sent)
            held.sent = None
        if kind in ("ok", "target") and "target_error" in message:
            target = {"command": "target", "lease": held.id, "target_error": message["target_error"]}
            place.send(target)
        elif kind == "cancel":
            log.info("lease over: %s", message.get("reason"))
            place.held = None
            place.send({"command": "cancel", "lease": held.id})

    def _begin(self, message: dict[str, Any]) -> None:
        place = self.places[int(message["slot"])]
        lease = message["lease"]
        meter = LeaseMeter(self.meter)
        place.held = Held(str(lease["id"]), str(message["token"]), place.number, meter)
        log.info(
            "lease: block %s, nonces %s to %s", lease["height"], lease["nonce_start"], lease["nonce_end"] - 1
        )
        place.send({"command": "lease", "token": message["token"], "lease": lease})

    async def _beat(self, held: Held) -> None:
        runs, points = held.reports.make()
        held.sent, held.sent_at = (runs, points), time.monotonic()
        await self._say({**self._make(held, "heartbeat"), "runs": runs})

    def _make(self, held: Held, kind: str) -> dict[str, Any]:
        work = held.reports.get_work()
        return {"type": kind, "lease": held.id, "token": held.token, **work, "load": held.meter.read()}

    async def _say(self, message: dict[str, Any]) -> None:
        """Send if connected; what gets lost is made up for after the next connection."""
        if self.socket is not None:
            with contextlib.suppress(OSError, WebSocketException):
                await _send(self.socket, message)

    def _forget_old(self) -> None:
        """Stop working on leases that the site must have given to somebody else by now."""
        for place in self.places:
            held = place.held
            if held is not None and time.monotonic() - held.heard > FORGET_SECONDS:
                place.held = None
                place.send({"command": "cancel", "lease": held.id})


async def _send(socket: ClientConnection, message: dict[str, Any]) -> None:
    await socket.send(json.dumps(message))


async def _expect(socket: ClientConnection, kind: str) -> dict[str, Any]:
    """The answer of this kind. Raises RefusedError, TimeoutError, ValueError."""
    message: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), ANSWER_SECONDS))
    if message["type"] == "refused":
        raise RefusedError(str(message.get("detail", "refused")), int(message.get("code", 0)))
    if message["type"] != kind:
        raise ValueError(f"the site answered {message['type']!r} instead of {kind!r}")
    return message
