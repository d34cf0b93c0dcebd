"""A small chain for the pool's tests, with a problem whose models are made by hand, of known error."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from apps.chain import api as chain
from apps.chain.genesis import init_chain, make_genesis
from apps.chain.node import Node
from apps.chain.services import connect_block
from apps.common import object_store
from apps.pool import services
from apps.pool.errors import PoolError
from apps.pool.messages import Effort, Worker
from apps.pool.models import Lease, Submission, Template
from apps.pool.store import derive
from protocol.architecture import Architecture
from protocol.crypto import public_key, sha3_256
from protocol.data_set import write_data_set
from protocol.encoding import encode
from protocol.errors import NotMinable
from protocol.model_file import ModelTensors, write_model
from protocol.problem import Problem

SECRET = sha3_256(b"the pool of the tests")
KEY = public_key(SECRET)
ALICE = Worker("alice", "cpu", 1, "1.0")
BOB = Worker("bob", "cpu", 1, "1.0")
NOTHING = Effort(0, 0, 0.0)
SHARES = (50, 25, 15, 10)  # of the validation labels 0, 1, 2, 3
ERRORS = tuple(10**6 - share * 10_000 for share in SHARES)  # of the models that always say 0, 1, 2, 3


def write_problem() -> str:
    """Store the data set and the manifest; returns the problem's id."""
    labels = np.repeat(np.arange(len(SHARES), dtype="<u2"), SHARES)
    data = write_data_set(
        shape=(1, 8, 8),
        train_x=bytes(64 * 4),
        train_y=labels[[0, 50, 75, 90]].tobytes(),
        validation_x=bytes(64 * len(labels)),
        validation_y=labels.tobytes(),
    )
    problem = Problem(
        title="Four shares",
        summary="Says always the same.",
        licence="CC0",
        source="the tests",
        task="classification",
        metric="accuracy",
        classes=4,
        shape=(1, 8, 8),
        train=4,
        validation=len(labels),
        data=object_store.put(data),
        data_bytes=len(data),
        floor_error=ERRORS[3],
        min_macs=1000,
        max_macs=300_000,
        max_parameters=100_000,
        min_active_blocks=4,
        conversion="none",
    )
    return object_store.put(problem.to_bytes())


def begin_chain(settings: Any, folder: Path) -> int:
    """Start the chain now, with the problem above; returns its timestamp."""
    settings.COINAI_HOME = folder / "home"
    settings.COINAI_GENESIS = folder / "home" / "genesis.json"
    now = int(time.time())
    genesis = replace(make_genesis(now=now), problem=write_problem())
    settings.COINAI_GENESIS.write_bytes(encode(genesis.to_json()))
    init_chain(now=now)
    return now


def make_model(architecture: Architecture, says: int, *, variant: int = 0) -> bytes:
    """A model without connections that always says ``says``; ``variant`` makes other bytes of it."""
    tensors = []
    for spec in architecture.tensors:
        is_last = spec is architecture.tensors[-1]
        bias = np.zeros(spec.shape[0], dtype=np.int32)
        if is_last:
            bias[:] = variant
            bias[says] += 1
        zeros = np.zeros(spec.shape[0], dtype=np.int8)
        tensors.append(
            ModelTensors(
                weight=np.zeros(spec.shape, dtype=np.int8),
                bias=bias,
                shift=zeros if spec.has_shift else None,
                skip=zeros.astype(np.uint8) if spec.has_skip else None,
            )
        )
    return write_model(architecture, tensors)


def minable_nonce(template: Template, start: int = 0) -> int:
    """The first nonce from ``start`` on that gives a network within bounds."""
    for nonce in count(start):
        try:
            derive(template, nonce)
        except NotMinable:
            continue
        return nonce
    raise AssertionError("unreachable")


@dataclass
class TakenLease:
    """A lease that a worker has taken."""

    row: Lease
    token: str

    @property
    def id(self) -> str:
        return str(self.row.id)

    @property
    def template(self) -> Template:
        return self.row.template

    def nonce(self, start: int = 0) -> int:
        return minable_nonce(self.template, max(start, self.row.nonce_start))

    def reload(self) -> Lease:
        self.row.refresh_from_db()
        return self.row

    def hand_in(self, says: int, **changes: Any) -> Submission:
        """Hand in the model that always says ``says``; with the right claim, unless ``changes`` has one."""
        nonce = changes.pop("nonce", None)
        nonce = self.nonce() if nonce is None else nonce
        variant = changes.pop("variant", 0)
        data = changes.pop("data", None) or make_model(derive(self.template, nonce), says, variant=variant)
        values = {"lease": self.id, "token": self.token, "claimed_error": ERRORS[says], **changes}
        return services.receive_model(nonce=nonce, data=data, **values)


def open_template() -> Template:
    """The template of round 0 on the tip, however late it is: no slow machine may make the chain stall."""
    return services.open_template(key=KEY, now=float(chain.get_tip().timestamp))


def sent_lease(epoch: int | None = None) -> TakenLease:
    """A fresh lease, sent to the queue but taken by nobody."""
    if epoch is None:
        epoch = open_template().epoch
    row = services.create_lease(epoch=epoch)
    assert row is not None
    token = services.mark_dispatched(lease=row.id)
    assert token is not None
    return TakenLease(Lease.objects.select_related("template").get(id=row.id), token)


def take(lease: TakenLease, worker: Worker = ALICE) -> TakenLease:
    """Say hello for a lease."""
    services.accept_hello(lease=lease.id, token=lease.token, worker=worker)
    lease.row.refresh_from_db()
    return lease


def taken_lease(worker: Worker = ALICE, epoch: int | None = None) -> TakenLease:
    """A fresh lease that a worker has taken."""
    return take(sent_lease(epoch), worker)


def verified(says: int, **changes: Any) -> Submission:
    """A verified model on the open template, from a lease of its own."""
    row = services.verify_submission(submission=taken_lease().hand_in(says, **changes).id)
    assert row.error == ERRORS[says]
    return row


def end_round(now: float) -> str:
    """Let the node do its work at ``now``; returns the hash of the tip."""
    Node(clock=lambda: now).step()
    return chain.get_tip().hash


def mine_block(says: int = 0) -> str:
    """Carry one block from template to tip; returns its hash."""
    services.void_epochs(**current_work())
    open_template()
    verified(says)
    now = float(chain.get_tip().timestamp)
    while services.publish(secret=SECRET, key=KEY, now=now) is None:
        now += 1
    return end_round(chain.get_round(now).ends)


def connect(block: str) -> None:
    """Connect a block again as of its own time: the blocks of a test come faster than its rounds."""
    connect_block(block_hash=block, now=float(chain.get_block(block).timestamp))


def current_work() -> dict[str, str]:
    """What templates must stand on now."""
    view = chain.get_round(chain.get_tip().timestamp)
    return {"parent": view.parent.hash, "problem": view.problem, "grammar": view.grammar}


def wait_until(condition: Callable[[], bool], *, seconds: float = 5.0) -> None:
    """Wait for something that another thread or process does; fails after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"did not happen within {seconds} seconds")
        time.sleep(0.005)


def refusal(error: type[PoolError]) -> Any:
    """Shorthand for the fields of a refused message."""
    return {"type": "refused", "code": error.code, "name": error.name}
