"""`python -m tests.browser.stage`: a chain and a pool for the browser tests, in a process of their own.

Reads one command a line, answers with one JSON object a line. Everything goes through the services that the
node and the workers use; only the training is played.
"""

import contextlib
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, TextIO

import django

django.setup()

# The models can be imported only now.
from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402

from apps.chain.api import build_template, derive_nonce, get_entry, get_round, get_tip  # noqa: E402
from apps.chain.candidates import evaluate_block  # noqa: E402
from apps.chain.genesis import init_chain  # noqa: E402
from apps.chain.mempool import submit_transaction  # noqa: E402
from apps.chain.models import Block, Transaction  # noqa: E402
from apps.chain.node import Node  # noqa: E402
from apps.chain.services import connect_block, disconnect_block  # noqa: E402
from apps.common.live import publish  # noqa: E402
from apps.explorer.models import ModelRecord  # noqa: E402
from apps.explorer.reports import make_report  # noqa: E402
from apps.pool import services  # noqa: E402
from apps.pool.coordinator import Coordinator  # noqa: E402
from apps.pool.dispatch import LeaseQueue  # noqa: E402
from apps.pool.messages import Effort, RunReport, Worker  # noqa: E402
from apps.pool.models import Publication, Run  # noqa: E402
from apps.storage.models import Audit  # noqa: E402
from protocol.blocks import Block as BlockContents  # noqa: E402
from protocol.crypto import address, public_key, sha3_256  # noqa: E402
from protocol.encoding import encode  # noqa: E402
from protocol.errors import NotMinable  # noqa: E402
from protocol.params import CAI  # noqa: E402
from protocol.transactions import Output, Transfer, sign_transaction  # noqa: E402
from tests.apps.chain.miner import Miner, submit  # noqa: E402
from tests.apps.storage.keepers import CHARLIE, KeptChain  # noqa: E402
from tests.browser import keeping  # noqa: E402
from tests.browser.pool_cast import fill_pool  # noqa: E402

BLOCKS = 27  # more than a page of the list
KEPT = 6  # of those, how many somebody keeps their models
SECONDS = 4  # from block to block, as Miner makes them
SLACK = 12  # how old the last block is in the beginning, so that others may follow it at once
STEPS = 600
LATE = 20  # rounds without a block at most; from 30 on the network of the tests stalls
MINE_SECONDS = 300
ALICE = sha3_256(b"coinai/testing/alice")
FAR = 60  # a sequence number whose turn never comes
WORKER = Worker("desk", "cpu", 1, "1.0")


class Stage:
    """What the tests let happen."""

    def __init__(self) -> None:
        self.miner = Miner()
        self.node = Node()
        self.lease: tuple[str, str] | None = None
        self.nonces: list[int] = []
        self.keeps = False

    def build(self) -> dict[str, Any]:
        """A chain with transfers, one fork, and a block that this pool has trained."""
        call_command("migrate", verbosity=0)
        init_chain(now=int(time.time()) - (BLOCKS + 1) * SECONDS - SLACK)
        self.miner.extend_by(BLOCKS - 3 - KEPT)
        kept = self._keep()
        transfer = self._transfer()
        included = self.miner.extend(signed=[transfer])
        stale = self._make_stale()
        won = self.connect()
        self.node.step()
        return (
            {
                "transaction": transfer.txid,
                "included": included.hash,
                "stale": stale.hash,
                "won": won["hash"],
                "miner": included.miner,
                "alice": address(public_key(ALICE)),
                "reward": included.positions.get(position=0).transaction_id,
                "waiting": self._transfer(FAR).txid,  # the ones before it are missing
                "nobody": address(public_key(sha3_256(b"nobody"))),
                "problem": included.problem,
                "grammar": included.grammar,
                "unread": included.model,
                "outside": stale.model,
            }
            | kept
            | self._fill_pool(won["hash"], transfer.txid)
            | self._report_on(won["hash"])
        )

    def connect(self) -> dict[str, Any]:
        """The pool trains a network, it becomes the next block, and the node says so."""
        if self.keeps:
            keeping.answer()
        first, round = self._take_lease(), self._choose_round()
        waiting = build_template(public_key(self.miner.secret), round=round).signed
        contents, _ = self.miner.make(start=first, signed=waiting, round=round)
        self._train([contents.header.nonce], seconds=(0.5, 1.0, 1.5, 2.0))
        block = self.miner_connects(contents)
        Run.objects.filter(nonce=block.nonce, lease__state="running").update(
            block=block.hash, state="finished"
        )
        self.lease = None
        self.node.step()  # may prefer a better candidate of the same round
        tip = get_tip()
        return {"hash": tip.hash, "height": tip.height, "error": tip.error}

    def mine(self) -> dict[str, Any]:
        """Workers of the mining queue really train, until one of their networks is the next block."""
        key = public_key(self.miner.secret)
        # A worker on a busy machine is slow, not dead: its lease does not expire, its message is not lost.
        settings.COINAI_POOL = {"lost_seconds": 300.0, "redispatch_seconds": 300.0}
        node = Node(clock=lambda: self._now() + 1)
        with LeaseQueue(site_url=settings.COINAI_SITE_URL) as queue:
            coordinator = Coordinator(secret=self.miner.secret, key=key, queue=queue)
            deadline = time.monotonic() + MINE_SECONDS
            while not (won := Publication.objects.filter(block=get_tip().hash)):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"no worker has mined a block in {MINE_SECONDS} s")
                view = get_round(self._now())
                coordinator.follow_tip(view)
                coordinator.dispatch()
                services.verify_next()
                coordinator.publish(view)
                node.step()
                time.sleep(0.05)
            coordinator.follow_tip(get_round(self._now()))
            coordinator.forget_messages()
        return {"hash": won[0].block, "height": get_tip().height}

    def keep(self) -> dict[str, Any]:
        """Two keepers offer room, and answer from now on."""
        self._transfer(self._next_sequence(), keeping.DORA)
        self.connect()
        keeping.register()
        self.keeps = True
        return {}

    def unkeep(self) -> dict[str, Any]:
        """The keepers leave."""
        keeping.leave()
        self.keeps = False
        return self.connect()

    def train(self, count: int = 2) -> dict[str, Any]:
        """Some trainings that go on."""
        self._train(self._find_nonces(self._take_lease(), count), seconds=(0.4, 0.8, 1.2))
        return {"nonces": self.nonces}

    def report(self) -> dict[str, Any]:
        """The site's tasks come to every model that waits for its report."""
        for record in ModelRecord.objects.order_by("height"):
            make_report(record.model)
        return {}

    def progress(self) -> dict[str, Any]:
        """The trainings go on by one point."""
        second = 1.2 + time.monotonic() % 1000 / 1000
        self._report([self._point(second)])
        return {}

    def candidate(self) -> dict[str, Any]:
        """Somebody publishes a block that is not connected yet."""
        contents, _ = self.miner.make()
        block = submit(contents)
        Node(clock=lambda: block.timestamp - 0.5).step()
        return {"hash": block.hash, "error": block.error}

    def pay(self) -> dict[str, Any]:
        """Alice sends something, and it waits in the mempool."""
        return {"txid": self._transfer(self._next_sequence()).txid}

    def reorganise(self) -> dict[str, Any]:
        """The last block leaves the chain for a sibling."""
        old = get_tip()
        rival = self.miner.evaluate(parent=Block.objects.get(hash=old.previous), start=old.nonce + 1)
        disconnect_block(block_hash=old.hash)
        connect_block(block_hash=rival.hash)
        return {"hash": rival.hash}

    def miner_connects(self, contents: BlockContents) -> Block:
        """Evaluate and connect a block on the tip, once its round has ended."""
        time.sleep(max(0.0, contents.header.timestamp - time.time()))
        return connect_block(block_hash=evaluate_block(block_hash=submit(contents).hash).hash)

    def best(self) -> dict[str, Any]:
        """The pool has a best model, which wins soon."""
        text = "conv 48 5 relu flatten"
        publish("pool_best", {"error": 74_300, "text": text, "layers": [], "wins_at": time.time() + 42})
        return {}

    @staticmethod
    def _choose_round() -> int:
        """A round whose block is not of the future, if it can be: the chain keeps up with the clock."""
        return max(3, min(LATE, int(time.time()) - get_tip().timestamp - 1))

    @staticmethod
    def _now() -> float:
        """The end of round 3, when what the threshold demands is as low as it gets: however slow the machine
        is, the chain of the stage does not stall.
        """
        return get_tip().timestamp + 3.9

    def _keep(self) -> dict[str, Any]:
        """A keeper registers and answers for some blocks; from then on it is silent."""
        chain = KeptChain(self.miner)
        chain.register(CHARLIE)
        chain.steps(KEPT - 1, CHARLIE)
        audit = Audit.objects.filter(outcome="answered", first=False).order_by("height", "number")[0]
        return {
            "keeper": CHARLIE.address,
            "audit": f"{audit.height}/{audit.number}",
            "held": audit.object,
        }

    def _fill_pool(self, block: str, txid: str) -> dict[str, Any]:
        row = Block.objects.get(hash=block)
        members = (address(public_key(ALICE)), address(public_key(sha3_256(b"bob"))), row.miner)
        run = Run.objects.select_related("lease__template").get(block=block)
        return fill_pool(row, run.lease.template, members, txid) | {"run": run.id}

    @staticmethod
    def _report_on(block: str) -> dict[str, Any]:
        model = Block.objects.get(hash=block).model
        make_report(model)
        return {"model": model}

    def _make_stale(self) -> Block:
        """A block that was in the chain until a sibling took its place."""
        parent = get_tip()
        stale = self.miner.extend()
        rival = self.miner.evaluate(parent=parent, start=stale.nonce + 1)
        disconnect_block(block_hash=stale.hash)
        connect_block(block_hash=rival.hash)
        return Block.objects.get(hash=stale.hash)

    @staticmethod
    def _next_sequence() -> int:
        """What Alice signs next."""
        account = get_entry(f"account/{address(public_key(ALICE))}") or {"sequence": 0}
        pending = Transaction.objects.filter(sender=address(public_key(ALICE)), status="pending")
        return account["sequence"] + pending.filter(sequence__lt=FAR).count()

    def _transfer(self, sequence: int = 0, to: bytes = sha3_256(b"bob")) -> Any:
        body = Transfer((Output(address(public_key(to)), 1234 * CAI + 5_000_000),))
        transaction = sign_transaction(
            ALICE, network="testing", kind="transfer", sequence=sequence, fee=25_000, body=body
        )
        submit_transaction(encode(transaction.to_json()))
        return transaction

    def _find_nonces(self, first: int, count: int) -> list[int]:
        """Nonces of the lease with networks within bounds."""
        view = get_round(self._now())
        template = services.open_template(key=public_key(self.miner.secret), now=self._now())
        found: list[int] = []
        for nonce in range(first, first + 1000):
            with contextlib.suppress(NotMinable):
                derive_nonce(view.parent.hash, template.transactions_root, nonce, view.problem, view.grammar)
                found.append(nonce)
            if len(found) == count:
                break
        return found

    def _take_lease(self) -> int:
        """A worker takes a fresh lease on the tip; returns its first nonce."""
        view = get_round(self._now())
        services.void_epochs(parent=view.parent.hash, problem=view.problem, grammar=view.grammar)
        template = services.open_template(key=public_key(self.miner.secret), now=self._now())
        row = services.create_lease(epoch=template.epoch)
        if row is None:
            raise RuntimeError("there is no lease to be had")
        token = services.mark_dispatched(lease=row.id)
        if token is None:
            raise RuntimeError("the lease is taken")
        services.accept_hello(lease=str(row.id), token=token, worker=WORKER)
        self.lease = str(row.id), token
        return row.nonce_start

    def _train(self, nonces: Sequence[int], *, seconds: Sequence[float]) -> None:
        self.nonces = list(nonces)
        self._report([self._point(second) for second in seconds])

    def _report(self, points: list[tuple[float, int, float, int | None]]) -> None:
        if self.lease is None:
            raise RuntimeError("nothing trains")
        best = min(point[3] for point in points if point[3] is not None)
        runs = [
            RunReport(nonce, "training", points[-1][1], STEPS, best + 7 * nonce, tuple(points))
            for nonce in self.nonces
        ]
        services.record_heartbeat(
            lease=self.lease[0], token=self.lease[1], effort=Effort(9, 4, 1.5), runs=runs
        )

    @staticmethod
    def _point(second: float) -> tuple[float, int, float, int | None]:
        """A point of a curve: seconds, step, loss, validation error."""
        left = math.exp(-second)
        return second, int(120 * second), 2.3 * left + 0.2, int(850_000 * left + 90_000)


def serve(stage: Stage, commands: TextIO, answers: TextIO) -> None:
    """Obey until the input ends."""
    known: dict[str, Callable[..., dict[str, Any]]] = {
        name: getattr(stage, name)
        for name in (
            "build",
            "connect",
            "train",
            "report",
            "progress",
            "candidate",
            "pay",
            "reorganise",
            "best",
            "mine",
            "keep",
            "unkeep",
        )
    }
    for line in commands:
        answers.write(json.dumps(known[line.strip()]()) + "\n")
        answers.flush()


if __name__ == "__main__":
    output = sys.stdout
    sys.stdout = sys.stderr  # what libraries print must not be taken for an answer
    serve(Stage(), sys.stdin, output)
