"""The keepers of one run: what happens to them, and what they do about it.

A time is a number of blocks; what happens up to the time h is in block h. Every keeper follows the ledger: it
fetches what it is assigned, from the origin while that serves and else from a keeper that is awake and holds
it, one object at a time; and it answers what it is asked as soon as it can.
"""

import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.keepers.census import Census, Record
from benchmarks.keepers.chain import Account, Chain
from benchmarks.keepers.files import UniformFile
from benchmarks.keepers.scenario import Scenario
from protocol.commitment import Change
from protocol.params import CAI, MIB
from protocol.transactions import Body, Keeper, Leave, StorageProof, compute_bond

ORIGIN_RATE = 4 * MIB
LATENCY_SECONDS = 2.0
ANSWER_BLOCKS = 2.0
SLOW_ANSWER_BLOCKS = 15.0
"""At most so many blocks until an answer is in one."""
ALLOCATION = 100 * CAI


@dataclass(slots=True)
class Host:
    """A keeper's machine."""

    account: Account
    capacity: int
    rate: float
    is_slow: bool
    joined: float = 0.0
    life: int = 0
    """Grows when it registers again or ends; what was planned for an earlier life does not happen."""
    is_alive: bool = True
    is_serving: bool = True
    awake_from: float = 0.0
    is_fetching: bool = False
    copies: set[str] = field(default_factory=set)
    queue: deque[tuple[str, str]] = field(default_factory=deque)
    """Objects to fetch, and why: new, repair or rot."""
    asked: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Open challenges: the object and the chunk of each."""


class World:
    """Keepers, files and the chain of one scenario."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario, self.census = scenario, Census()
        self.chance = random.Random(scenario.seed)
        self.year = scenario.year
        churn = scenario.churn
        self._joins = scenario.keepers * (churn.deaths + churn.leaves)  # a year
        expected = self._joins * scenario.blocks / self.year
        names = (Account.create(f"keeper {n}") for n in range(scenario.keepers + int(2 * expected) + 100))
        self._accounts = deque(names)
        self.proposer = Account.create("proposer")
        allocations = {account.address: ALLOCATION for account in (*self._accounts, self.proposer)}
        name = f"{churn.name}/{scenario.params.model_replicas}/{scenario.seed}"
        self.chain = Chain(scenario.params, name, allocations)
        self.hosts: dict[str, Host] = {}
        self.records: dict[str, Record] = {}
        self.acts: list[tuple[Account, Body]] = []
        self._answered: set[str] = set()
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._numbers = itertools.count()
        for _ in range(scenario.keepers):
            self.join(0.5)

    def plan(self, time: float, action: Callable[..., None], *arguments: Any) -> None:
        """Have ``action(time, …)`` happen at a time."""
        heapq.heappush(self._events, (time, next(self._numbers), action, arguments))

    def draw_time(self, rate: float) -> float:
        """Blocks until the next event of a Poisson process with ``rate`` events a year."""
        return self.chance.expovariate(rate / self.year) if rate else float("inf")

    def draw_size(self, median: float, spread: float) -> float:
        """A lognormal size."""
        return median * self.chance.lognormvariate(0.0, spread)

    # A block.

    def step(self) -> int:
        """Let everything happen up to the next block, and connect it; return its height."""
        height = self.chain.height + 1
        while self._events and self._events[0][0] <= height:
            time, _, action, arguments = heapq.heappop(self._events)
            action(time, *arguments)
        scenario = self.scenario
        size = int(
            min(scenario.params.max_model_bytes, self.draw_size(scenario.model, scenario.model_spread))
        )
        file = UniformFile(f"{self.chain.name} model {height}", max(2048, size))
        signed = self.chain.sign(self.acts)
        changes = self.chain.mine(signed, file.id, file.size)
        self.name_object(file, height, is_data=False)
        self.acts = []
        self._see(height, changes)
        self._answered = set()
        self.census.end_block()
        return height

    def name_object(self, file: UniformFile, height: int, *, is_data: bool) -> None:
        """An object comes into the world with the block of a height."""
        params = self.scenario.params
        factor = params.data_replicas if is_data else params.model_replicas
        record = self.records[file.id] = Record(file, height, is_data, factor)
        self.plan(height + params.proof_blocks + 1.5, self._watch, record)

    def _watch(self, time: float, record: Record) -> None:
        self.census.watch(record, time)

    # What the ledger says.

    def _see(self, height: int, changes: Iterable[Change]) -> None:
        for change in changes:
            family, _, name = change.key.partition("/")
            if family == "challenge":
                self._see_challenge(height, name, change)
            elif family == "replica":
                self._see_replica(height, name, change)
            elif family == "keeper":
                self._see_keeper(height, name, change)
            elif family == "object" and change.after is None:
                self.census.forget(self.records[name])

    def _see_challenge(self, height: int, name: str, change: Change) -> None:
        if change.after is not None:
            host = self.hosts[str(change.after["address"])]
            if not host.is_alive:
                return
            object_id = str(change.after["object"])
            host.asked[name] = (object_id, int(str(change.after["chunk"])))
            self.census.events["first challenges" if change.after["first"] else "audits"] += 1
            if object_id in host.copies:
                self._plan_answer(height, host, name)
        elif change.before is not None:
            host = self.hosts[str(change.before["address"])]
            host.asked.pop(name, None)
            kind = "first challenges" if change.before["first"] else "audits"
            if name in self._answered:
                self.census.events[f"{kind} answered"] += 1
                self.census.pay += int(str(change.before["pay"]))
            elif int(name.partition("/")[0]) == height - self.scenario.params.proof_blocks:
                self.census.events[f"{kind} missed"] += 1

    def _see_replica(self, height: int, name: str, change: Change) -> None:
        object_id, _, address = name.partition("/")
        record, host = self.records[object_id], self.hosts[address]
        if change.before is None:
            why = "new" if height == record.born + 1 else "repair"
            self.census.events[f"{why} placements"] += 1
            if host.is_alive:
                self._enqueue(height, host, object_id, why)
        elif change.after is None:
            self._take_copy(height, record, host)
            if host.is_serving:  # who leaves needs it for the last answers
                host.copies.discard(object_id)

    def _see_keeper(self, height: int, address: str, change: Change) -> None:
        host = self.hosts.get(address)
        if host is None or change.after is None or not change.after["leaving"]:
            return
        was = 0 if change.before is None else change.before["leaving"]
        if was or not host.is_serving:
            return
        self.census.events["ejected"] += 1
        if host.is_alive:
            self._count_ejected(host)
        host.is_serving = False
        host.copies.clear()
        host.asked.clear()
        host.queue.clear()
        if host.is_alive:
            host.life += 1
            back = height + self.scenario.params.unbond_blocks + 1 + self.chance.random() * 100
            self.plan(back, self._register_again, host)

    def _count_ejected(self, host: Host) -> None:
        """Why a keeper that lives was ejected, as far as that shows."""
        self.census.events["ejected alive"] += 1
        self.census.events["ejected alive, slow"] += host.is_slow
        wanted = [object_id for object_id, _ in host.queue]
        is_vain = any(self.records[object_id].is_lost for object_id in wanted)
        self.census.events["ejected alive, wanting what is lost"] += is_vain

    # Coming and going.

    def join(self, time: float) -> None:
        """Somebody new registers."""
        scenario, chance = self.scenario, self.chance
        is_slow = chance.random() < scenario.slow_share
        rate = scenario.slow_rate if is_slow else self.draw_size(scenario.rate, scenario.rate_spread)
        capacity = max(32 * MIB, int(self.draw_size(scenario.capacity, scenario.capacity_spread)))
        host = Host(self._accounts.popleft(), capacity, rate, is_slow)
        self.hosts[host.account.address] = host
        self.census.events["joined"] += 1
        self._register(time, host)

    def begin_joining(self) -> None:
        """From now on, keepers come one after the other."""
        self.plan(self.chain.height + self.draw_time(self._joins), self._join_and_plan_next)

    def _join_and_plan_next(self, time: float) -> None:
        if self._accounts:
            self.join(time)
        self.plan(time + self.draw_time(self._joins), self._join_and_plan_next)

    def _register(self, time: float, host: Host) -> None:
        churn = self.scenario.churn
        bond = max(1, compute_bond(self.scenario.params, host.capacity))
        self.acts.append((host.account, Keeper(host.capacity, "https://keeper.example/", bond)))
        host.joined, host.is_serving, host.is_fetching = time, True, False
        host.life += 1
        life = host.life
        self.plan(time + self.draw_time(churn.deaths), self._die, host, life)
        self.plan(time + self.draw_time(churn.leaves), self._leave, host, life)
        self.plan(time + self.draw_time(churn.outages), self._fall_asleep, host, life)
        self.plan(time + self.draw_time(churn.rots), self._rot, host, life)

    def _register_again(self, time: float, host: Host) -> None:
        if host.is_alive:
            self.census.events["came back"] += 1
            self._register(time, host)

    def _die(self, time: float, host: Host, life: int) -> None:
        if host.life != life:
            return
        self.census.events["died"] += 1
        self._end(host)
        for object_id in sorted(host.copies):
            self._take_copy(time, self.records[object_id], host)
        host.copies.clear()

    def _end(self, host: Host) -> None:
        host.is_alive = False
        host.life += 1
        host.asked.clear()
        host.queue.clear()

    def _leave(self, time: float, host: Host, life: int) -> None:
        if host.life != life:
            return
        if host.awake_from > time:
            self.plan(host.awake_from + 0.01, self._leave, host, life)
            return
        self.census.events["left"] += 1
        host.is_serving = False
        host.life += 1
        host.queue.clear()
        self.acts.append((host.account, Leave()))
        self.plan(time + self.scenario.params.proof_blocks + 1, self._go, host)

    def _go(self, _time: float, host: Host) -> None:
        self._end(host)
        host.copies.clear()

    def _fall_asleep(self, time: float, host: Host, life: int) -> None:
        if host.life != life:
            return
        churn = self.scenario.churn
        self.census.events["outages"] += 1
        blocks = self.chance.expovariate(1 / churn.outage_hours) * 3600 / self.scenario.block_seconds
        host.awake_from = time + blocks
        self.plan(host.awake_from, self._wake_up, host)
        self.plan(host.awake_from + self.draw_time(churn.outages), self._fall_asleep, host, life)

    def _wake_up(self, time: float, host: Host) -> None:
        for name, (object_id, _) in host.asked.items():
            if object_id in host.copies:
                self._plan_answer(time, host, name)
        self._fetch_next(time, host)

    # Bytes.

    def _take_copy(self, time: float, record: Record, host: Host) -> None:
        """A keeper has an object no more, as far as others are concerned."""
        before = len(record.whole)
        record.whole.discard(host.account.address)
        record.damaged.pop(host.account.address, None)
        self.census.change(record, time, before=before)

    def _rot(self, time: float, host: Host, life: int) -> None:
        if host.life != life:
            return
        self.plan(time + self.draw_time(self.scenario.churn.rots), self._rot, host, life)
        address = host.account.address
        held = [name for name in sorted(host.copies) if address in self.records[name].whole]
        if not held:
            return
        sizes = [self.records[name].file.size for name in held]
        record = self.records[self.chance.choices(held, sizes)[0]]
        self.census.events["rotten"] += 1
        before = len(record.whole)
        record.whole.discard(address)
        record.damaged[address] = self.chance.randrange(record.file.chunks)
        self.census.change(record, time, before=before)
        days = self.chance.random() * self.scenario.scrub_days
        found = time + days * 86400 / self.scenario.block_seconds
        self.plan(found, self._scrub, host, record)

    def _scrub(self, time: float, host: Host, record: Record) -> None:
        if host.account.address in record.damaged:
            self.census.events["rot found by its keeper"] += 1
            self._enqueue(time, host, record.file.id, "rot")

    def _enqueue(self, time: float, host: Host, object_id: str, why: str) -> None:
        if all(queued != object_id for queued, _ in host.queue):
            host.queue.append((object_id, why))
            self._fetch_next(time, host)

    def _fetch_next(self, time: float, host: Host) -> None:
        """Begin with the first object of the queue that somebody serves."""
        if host.is_fetching or not host.is_alive or host.awake_from > time:
            return
        for _ in range(len(host.queue)):
            object_id, why = host.queue.popleft()
            if self._key(object_id, host) not in self.chain.state.entries:
                continue
            record = self.records[object_id]
            source = self._find_source(time, record, host)
            if source is not None:
                rate = min(host.rate, source[0])
                blocks = (LATENCY_SECONDS + record.file.size / rate) / self.scenario.block_seconds
                host.is_fetching = True
                self.plan(time + blocks, self._end_fetch, host, host.life, record, why, source[1])
                return
            host.queue.append((object_id, why))
        if host.queue:
            self.plan(time + 1, self._fetch_next, host)

    def _find_source(self, time: float, record: Record, host: Host) -> tuple[float, str] | None:
        """Rate and address of who serves an object; "" is its origin."""
        if time <= record.born + self.scenario.origin_blocks:
            return ORIGIN_RATE, ""
        names = record.whole
        if not names and record.is_recoverable:  # every chunk is checked: the good ones of several make one
            names = set(record.damaged)
        awake = [name for name in sorted(names) if self.hosts[name].awake_from <= time]
        awake = [name for name in awake if name != host.account.address]
        if not awake:
            return None
        chosen = self.chance.choice(awake)
        return self.hosts[chosen].rate, chosen

    def _end_fetch(self, time: float, host: Host, life: int, record: Record, why: str, source: str) -> None:
        if host.life != life:
            return
        host.is_fetching = False
        object_id, address = record.file.id, host.account.address
        sources = record.whole or record.damaged
        if host.awake_from > time or (source and source not in sources):
            host.queue.appendleft((object_id, why))
        elif self._key(object_id, host) in self.chain.state.entries:
            self.census.bytes_moved[why] += record.file.size
            before = len(record.whole)
            record.damaged.pop(address, None)
            record.whole.add(address)
            host.copies.add(object_id)
            self.census.change(record, time, before=before)
            for name, (asked, _) in host.asked.items():
                if asked == object_id:
                    self._plan_answer(time, host, name)
        self._fetch_next(time, host)

    def _key(self, object_id: str, host: Host) -> str:
        return f"replica/{object_id}/{host.account.address}"

    # Answers.

    def _plan_answer(self, time: float, host: Host, name: str) -> None:
        most = SLOW_ANSWER_BLOCKS if host.is_slow else ANSWER_BLOCKS
        self.plan(time + self.chance.random() * most, self._answer, host, name)

    def _answer(self, time: float, host: Host, name: str) -> None:
        """Send a proof, if it still helps."""
        height, number = (int(part) for part in name.split("/"))
        if name not in host.asked or name in self._answered or host.awake_from > time:
            return
        if self.chain.height + 1 > height + self.scenario.params.proof_blocks:
            return
        object_id, chunk = host.asked[name]
        record = self.records[object_id]
        if record.damaged.get(host.account.address) == chunk:
            self.census.events["rot found by an audit"] += 1
            self._enqueue(time, host, object_id, "rot")
        elif object_id in host.copies:
            file = record.file
            proof = StorageProof(height, number, file.read_chunk(chunk), file.make_path(chunk))
            self.acts.append((host.account, proof))
            self._answered.add(name)
