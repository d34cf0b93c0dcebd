"""The loop of a keeper: look at the chain, fetch, answer, register or leave, forget.

What it knows is on the chain, in the mempool and in its folder: it may die at any moment and begin again.
"""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, close_old_connections
from django.utils import timezone
from psycopg import OperationalError as DriverError

from apps.common.errors import NotReady
from apps.common.formats import format_coins
from apps.common.health import Problem
from apps.common.notify import Listener
from apps.storage.errors import FolderFull, KeeperRuns, NoSource
from apps.storage.keeping.care import choose_kept_back, must_be_careful
from apps.storage.keeping.fetching import Fetcher, Source, Stopped
from apps.storage.keeping.reporting import BEAT_SECONDS, Report, forget_beat, list_problems, write_beat
from apps.storage.keeping.scrubbing import Scrubber
from apps.storage.keeping.sending import Offer, Sender
from apps.storage.keeping.standing import Standing, list_sources, read_standing
from apps.storage.keeping.vault import Vault
from protocol.errors import Overdraft, ProtocolError
from protocol.transactions import compute_bond

POLL_SECONDS = 1.0
BUSY_SECONDS = 0.1
"""How soon a finished download is noticed, whose challenge waits for an answer."""
AGAIN_SECONDS = 5.0
"""How often what waits is looked at when no block comes."""
DOWNLOADS = 4
MOST_DOWNLOADS = 64
"""Begun at a time, those that wait for their turn included; what is asked for comes first."""
FIRST_RETRY, LAST_RETRY = 1.0, 60.0
URGENT_RETRY = 5.0
"""The longest wait for an object that a challenge asks for."""
VAIN_SECONDS = 120.0
"""An object that nobody has given for so long is counted as one that nobody has."""
LEAVING = "leaving"
CHANNEL = "coinai_tip"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """What the operator asks of a keeper."""

    offer: Offer
    sites: Sequence[str]
    """Sites that new objects are fetched from."""
    grace_seconds: float
    scrub_seconds: float
    """How often each object is read again and compared with its id."""
    vain_seconds: float = VAIN_SECONDS
    faucet: str = ""
    """Page of the faucet for this keeper's address, where there is one."""


@dataclass(slots=True)
class Retry:
    """An object that nobody gave or that found no room."""

    wait: float = FIRST_RETRY
    at: float = field(default_factory=time.monotonic)
    nowhere_since: float | None = None
    """When every source failed for the first time, if nothing else has been the reason since."""
    full: str = ""
    """What had no room for it: "disk" or "quota"."""


@dataclass(slots=True)
class Counts:
    """What was done since the start."""

    fetched: int = 0
    fetch_failures: int = 0
    proofs_sent: int = 0


class Keeper:
    """The loop (`run`) around what is done each time (`step`)."""

    def __init__(self, plan: Plan, vault: Vault, sender: Sender, fetcher: Fetcher) -> None:
        self._plan, self._vault, self._sender, self._fetcher = plan, vault, sender, fetcher
        self._pool = ThreadPoolExecutor(DOWNLOADS + 1, "fetching")
        self._downloads: dict[str, Future[None]] = {}
        self._retries: dict[str, Retry] = {}
        self._suspects: set[str] = set()
        self._scrubber = Scrubber(vault, plan.scrub_seconds)
        self._last: tuple[str, float] = ("", 0.0)
        self._said = ""
        self._problems: set[str] = set()
        self._lacking = 0
        self._is_careful = False
        self._counts = Counts()
        self._started_at = timezone.now()
        self._beat: tuple[str, float] = ("", 0.0)
        self.has_left = False
        """Whether the bond of one that was asked to leave is back."""
        self.state: dict[str, Any] = {"address": sender.address, "state": "starting"}

    def ask_to_leave(self) -> None:
        """Remember in the folder that this keeper is to leave; a running one hears of it."""
        (self._vault.root / LEAVING).touch()

    def stay(self) -> None:
        """Forget that it was to leave."""
        (self._vault.root / LEAVING).unlink(missing_ok=True)

    @property
    def is_to_leave(self) -> bool:
        """Whether it was asked to leave."""
        return (self._vault.root / LEAVING).exists()

    def run(self, is_stopped: Callable[[], bool], *, until_left: bool = False) -> None:
        """Work until ``is_stopped``, or until the bond is back. Raises KeeperRuns for a key in use."""
        try:
            with Listener(CHANNEL) as listener:
                while not is_stopped() and not (until_left and self.has_left):
                    try:
                        self._hold_key(listener)
                        self.step()
                        listener.wait(BUSY_SECONDS if self._is_busy() else POLL_SECONDS)
                    except (OperationalError, InterfaceError, DriverError) as error:
                        log.warning("database_away", error=str(error).strip().splitlines()[:1])
                        close_old_connections()
                        time.sleep(POLL_SECONDS)
                    except NotReady:
                        time.sleep(POLL_SECONDS)
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)
        if self.has_left:
            forget_beat(self._sender.address)

    def step(self) -> Standing:
        """Do all that can be done now."""
        finished = self._collect()
        standing = read_standing(self._sender.address)
        wanted = standing.wanted
        self._suspects &= wanted.keys()
        soon = time.monotonic() + URGENT_RETRY
        for object_id, size in wanted.items():
            if object_id in standing.asked and object_id in self._retries:
                self._retries[object_id].at = min(self._retries[object_id].at, soon)
            if object_id in self._suspects or not self._vault.has(object_id, size):
                self._begin(object_id, size)
        if finished or self._last[0] != standing.tip or time.monotonic() > self._last[1] + AGAIN_SECONDS:
            self._act(standing)
            self._last = (standing.tip, time.monotonic())
        self._look_after(wanted)
        self._describe(standing)
        return standing

    def _act(self, standing: Standing) -> None:
        vain = self._list_vain(standing)
        self._note_care(must_be_careful(standing, vain, before=self._is_careful), vain)
        kept_back = choose_kept_back(standing, vain, self._vault.list_held())
        answers = self._sender.answer(standing, self._vault.folder, kept_back=kept_back)
        self._counts.proofs_sent += answers.sent
        standing = replace(standing, sequence=standing.sequence + answers.sent)
        for object_id in answers.broken:
            if object_id not in self._downloads and self._vault.folder.exists(object_id):
                log.warning("object_damaged", object=object_id)
                self._suspects.add(object_id)
                self._begin(object_id, standing.asked[object_id])
        self._lacking = 0
        try:
            if self.is_to_leave:
                sent = self._sender.leave(standing)
                self.has_left = standing.entry is None and not standing.pending
            else:
                sent = self._sender.register(standing, self._plan.offer, is_careful=self._is_careful)
            if sent is not None:
                log.info("sent", kind=sent.kind, txid=sent.txid[:12], fee=sent.fee)
        except Overdraft as error:
            self._lacking = max(1, error.needed - error.balance)
        except ProtocolError as error:
            self._say("not_registered", code=error.code, detail=error.detail, address=self._sender.address)

    def _list_vain(self, standing: Standing) -> set[str]:
        """Objects that it should hold and that nobody has."""
        since, wanted = time.monotonic() - self._plan.vain_seconds, standing.wanted
        return {
            name
            for name, retry in self._retries.items()
            if name in wanted and retry.nowhere_since is not None and retry.nowhere_since <= since
        }

    def _note_care(self, is_careful: bool, vain: set[str]) -> None:
        if is_careful != self._is_careful:
            self._is_careful = is_careful
            log.warning("takes_nothing_new" if is_careful else "takes_all_again", nobody_has=sorted(vain))

    def _begin(self, object_id: str, size: int) -> None:
        """Start a download unless it runs or waits for its next try."""
        retry = self._retries.get(object_id)
        if len(self._downloads) >= MOST_DOWNLOADS:
            return
        if object_id in self._downloads or (retry is not None and retry.at > time.monotonic()):
            return
        try:
            self._vault.reserve(object_id, size)
        except FolderFull as error:
            self._postpone(object_id, error)
            return
        sources = list_sources(object_id, self._sender.address, self._plan.sites)
        self._downloads[object_id] = self._pool.submit(self._fetch, object_id, size, sources)

    def _fetch(self, object_id: str, size: int, sources: Sequence[Source]) -> None:
        self._fetcher.fetch(object_id, size, sources)

    def _collect(self) -> bool:
        """Note how downloads ended; whether any object came."""
        came = False
        for object_id, future in list(self._downloads.items()):
            if not future.done():
                continue
            del self._downloads[object_id]
            self._vault.settle(object_id)
            try:
                future.result()
            except Stopped:
                continue
            except (ProtocolError, OSError) as error:
                self._postpone(object_id, error)
                continue
            came = True
            self._counts.fetched += 1
            self._retries.pop(object_id, None)
            self._suspects.discard(object_id)
            log.info("object_fetched", object=object_id)
        return came

    def _postpone(self, object_id: str, error: Exception) -> None:
        self._counts.fetch_failures += 1
        retry = self._retries.setdefault(object_id, Retry())
        retry.at = time.monotonic() + retry.wait
        retry.full = "quota" if isinstance(error, FolderFull) else "disk" * isinstance(error, OSError)
        if not isinstance(error, NoSource):
            retry.nowhere_since = None
        elif retry.nowhere_since is None:
            retry.nowhere_since = time.monotonic()
        log.warning(
            "object_not_fetched",
            object=object_id,
            code=getattr(error, "code", None),
            detail=str(error),
            next_try_s=retry.wait,
        )
        retry.wait = min(LAST_RETRY, 2 * retry.wait)

    def _look_after(self, wanted: dict[str, int]) -> None:
        """Forget what is no longer assigned; read everything again from time to time."""
        if not self.is_to_leave or self.has_left:
            for object_id in self._vault.note_wanted(wanted.keys(), grace=self._plan.grace_seconds):
                log.info("object_dropped", object=object_id)
        for object_id in [name for name in self._retries if name not in wanted]:
            del self._retries[object_id]
        for object_id in self._scrubber.step(self._pool, wanted.keys() | self._downloads.keys()):
            if object_id not in self._downloads:
                log.warning("object_damaged", object=object_id)
                self._suspects.add(object_id)

    def _is_busy(self) -> bool:
        return bool(self._downloads)

    def _hold_key(self, listener: Listener) -> None:
        """Two keepers with one key would answer for each other: the second one ends. Raises KeeperRuns."""
        if listener.is_connected():
            return
        number = int.from_bytes(self._sender.address.encode()[-7:], "big")
        deadline = time.monotonic() + 3.0  # the lock of a keeper that was just killed may linger
        while not listener.try_lock(number):
            if time.monotonic() > deadline:
                raise KeeperRuns(f"the key of {self._sender.address}")
            time.sleep(0.1)

    def _say(self, event: str, **fields: Any) -> None:
        """Log a warning, once for as long as it stays the same."""
        text = f"{event} {fields}"
        if text != self._said:
            log.warning(event, **fields)
            self._said = text

    def _describe(self, standing: Standing) -> None:
        """What `/` of the keeper's server shows and the site beside it reads; changes are logged."""
        before = self.state["state"]
        report = self._make_report(standing)
        problems = list_problems(report, self._plan.faucet)
        entry = standing.entry or {}
        self.state = {
            "address": report.address,
            "state": report.state,
            "height": standing.height,
            "capacity": entry.get("capacity", 0),
            "used": entry.get("used", 0),
            "bond": report.bond,
            "misses": report.misses,
            "assigned": report.assigned,
            "missing": report.missing,
            "unavailable": report.unavailable,
            "open_challenges": report.open_challenges,
            "pending_transactions": len(standing.pending),
            "stored_bytes": report.stored_bytes,
            "quota": report.quota,
            "disk_free": report.disk_free,
            "liars": [
                {"source": name, "lies": one.lies, "until": int(one.until), "last": one.detail}
                for name, one in self._fetcher.blame.list_liars()
            ],
            "problems": [{"detail": one.detail, "do": one.remedy} for one in problems.values()],
        }
        if report.state != before:
            shown = {name: value for name, value in self.state.items() if name not in ("liars", "problems")}
            log.info("keeper", balance=format_coins(max(0, standing.balance)), **shown)
        self._tell(problems)
        key = f"{report.state} {list(problems)}"
        if key != self._beat[0] or time.monotonic() > self._beat[1] + BEAT_SECONDS:
            write_beat(report, pid=os.getpid(), started_at=self._started_at)
            self._beat = (key, time.monotonic())

    def _tell(self, problems: dict[str, Problem]) -> None:
        """Log what has become wrong, and what is so no more."""
        for name, one in problems.items():
            if name not in self._problems:
                log.warning("problem", about=name, detail=one.detail, do=one.remedy)
        for name in self._problems - problems.keys():
            log.info("problem_is_over", about=name)
        self._problems = set(problems)

    def _make_report(self, standing: Standing) -> Report:
        entry, vault = standing.entry or {}, self._vault
        missing = [name for name, size in standing.assigned.items() if not vault.has(name, size)]
        vain = self._list_vain(standing)
        return Report(
            address=self._sender.address,
            state=_name_state(standing, is_to_leave=self.is_to_leave),
            capacity=self._plan.offer.capacity,
            quota=vault.quota,
            stored_bytes=vault.used,
            disk_free=vault.disk_free,
            held=len(vault.list_held()),
            assigned=len(standing.assigned),
            missing=len(missing),
            missing_bytes=sum(standing.assigned[name] for name in missing if name not in self._downloads),
            unavailable=sum(name in vain for name in missing),
            full=min(
                {self._retries[name].full for name in missing if name in self._retries} - {""}, default=""
            ),
            bond=int(entry.get("bond", 0)),
            least_bond=compute_bond(standing.params, int(entry.get("capacity", 0))),
            lacking=self._lacking,
            misses=int(entry.get("misses", 0)),
            max_misses=standing.params.max_misses,
            open_challenges=len(standing.challenges),
            fetched=self._counts.fetched,
            fetch_failures=self._counts.fetch_failures,
            proofs_sent=self._counts.proofs_sent,
            lies=self._fetcher.blame.count,
            careful=self._is_careful,
        )


def _name_state(standing: Standing, *, is_to_leave: bool) -> str:
    if standing.entry is None:
        return "left" if is_to_leave else "not registered"
    if standing.is_leaving:
        return "leaving" if is_to_leave else "ejected"
    return "asked to leave" if is_to_leave else "serving"
