"""Synthetic blocks as rows of the chain's tables and of the explorer's: lines of PostgreSQL's COPY.

A block is written as text, in canonical form from the start: encoding values one by one would take three
times as long. Tests read the blocks back with the protocol's own strict readers.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from apps.common import object_store
from apps.explorer.projections import get_size_class
from apps.explorer.synthetic.economy import Economy, Entry, Payment
from apps.explorer.synthetic.networks import MAX_MODEL_BYTES, Found, find_network, make_model
from apps.explorer.synthetic.plan import Plan, Subject
from protocol.blocks import VERSION, Genesis, Header
from protocol.commitment import MuHash
from protocol.errors import FalseClaim
from protocol.grammar import Grammar
from protocol.merkle import merkle_root
from protocol.params import ChainParams
from protocol.threshold import compute_quality

SIBLING_EVERY = 89
"""Of so many blocks one had a rival that lost."""
REFUSED_EVERY = 997
"""And of so many one had a rival that claimed too much."""

COLUMNS: Mapping[str, Sequence[str]] = {
    "chain_block": (
        *("hash", "height", "previous", "round", "timestamp", "threshold", "problem", "grammar"),
        *("transactions_root", "nonce", "model", "model_bytes", "error", "quality", "state", "seal", "miner"),
        *("raw", "transaction_count", "fees", "reward", "weight", "work", "late", "received_at"),
        *("evaluated_at", "connected_at", "status", "refused_code", "canonical", "undo", "accumulator"),
    ),
    "chain_transaction": (
        *("txid", "kind", "sender", "sequence", "fee", "amount", "raw", "first_seen", "status"),
    ),
    "chain_blocktransaction": ("block_id", "position", "transaction_id"),
    "chain_ledgerentry": ("key", "value"),
    "explorer_addressentry": (*("address", "height", "position", "transaction_id", "kind", "change", "fee"),),
    "explorer_modelrecord": (
        *("height", "block", "model", "timestamp", "seconds", "round", "threshold", "problem", "grammar"),
        *("error", "quality", "text", "layers", "parameters", "size_class", "macs", "model_bytes", "miner"),
        "transactions",
    ),
}
NULL = "\\N"

Value = str | int | bool | bytes | None


@dataclass(slots=True)
class Lines:
    """Lines of COPY, by table, until somebody takes them."""

    tables: dict[str, list[str]] = field(default_factory=lambda: {table: [] for table in COLUMNS})
    count: int = 0

    def add(self, table: str, *values: Value) -> None:
        """One row; the values in the order of COLUMNS."""
        self.tables[table].append("\t".join([_write(value) for value in values]))
        self.count += 1

    def take(self) -> dict[str, str]:
        """The text of each table's lines, which are then gone."""
        texts = {table: "\n".join([*lines, ""]) for table, lines in self.tables.items() if lines}
        for lines in self.tables.values():
            lines.clear()
        self.count = 0
        return texts


@dataclass(frozen=True, slots=True)
class Parent:
    """The block before."""

    hash: str
    timestamp: int
    work: int


@dataclass(frozen=True, slots=True)
class Body:
    """The transactions of a block: their canonical texts, ids, and what is paid."""

    texts: Sequence[str]
    txids: Sequence[str]
    payments: Sequence[Payment]
    fees: int

    @property
    def root(self) -> str:
        """The Merkle root over the ids."""
        return merkle_root([bytes.fromhex(txid) for txid in self.txids]).hex()


@dataclass(frozen=True, slots=True)
class Sealed:
    """A header with the network that it is about."""

    header: Header
    hash: str
    network: Found


class Maker:
    """Makes the blocks of a plan, one after the other."""

    def __init__(
        self,
        params: ChainParams,
        genesis: Genesis,
        grammar: Grammar,
        plan: Plan,
        economy: Economy,
        *,
        models: int,
        rng: np.random.Generator,
    ) -> None:
        self._params, self._genesis, self._grammar = params, genesis, grammar
        self._plan, self._economy, self._rng = plan, economy, rng
        self._with_model = choose_heights(plan.blocks, models)
        self._ledger = MuHash()
        self.lines = Lines()

    def make(self, parent: Parent) -> Iterator[int]:
        """Add the rows of all blocks after genesis to `lines`; yields each height once it is there."""
        self._economy.begin(self._genesis)
        model: Sealed | None = None
        for height in range(1, self._plan.blocks + 1):
            miner = self._economy.pick_miner()
            self._economy.unlock(height)
            body = self._make_body(height, miner)
            reward = self._economy.reward(height, miner, body.fees)
            if model is not None:
                self._keep_entry(*_object_entry(model.header))
            is_last = height == self._plan.blocks
            state = self._close_ledger() if is_last else _hash(f"state {height}")
            model = self._seal(height, parent, body, state)
            self._add_rows(model, parent, body, miner, reward, is_tip=is_last)
            self._add_rivals(height, parent, model)
            parent = Parent(model.hash, model.header.timestamp, parent.work + model.header.threshold + 1)
            yield height

    @property
    def accumulator(self) -> bytes:
        """Of the ledger at the end."""
        return self._ledger.to_bytes()

    def add_mempool(self, count: int) -> None:
        """Transactions that wait for the next blocks."""
        seen = int(self._plan.timestamp[-1])
        for number in range(count):
            payment = self._economy.propose()
            if payment is None:
                return
            text = self._write_transfer(payment, self._rng.bytes(64).hex())
            self._add_transfer(payment, _txid(text), text, seen - number, "pending")

    def _make_body(self, height: int, miner: int) -> Body:
        count = int(self._plan.transfers[height])
        signatures = self._rng.bytes(64 * count).hex()
        payments, texts = [], [self._write_reward(height, miner)]
        for number in range(count):
            payment = self._economy.pay()
            if payment is None:
                break
            payments.append(payment)
            texts.append(self._write_transfer(payment, signatures[128 * number : 128 * number + 128]))
        txids = [_txid(text) for text in texts]
        return Body(texts, txids, payments, sum(payment.fee for payment in payments))

    def _write_reward(self, height: int, miner: int) -> str:
        key, network = self._economy.keys[miner], self._params.network
        return f'{{"body":{{"height":{height},"key":"{key}"}},"kind":"reward","network":"{network}"}}'

    def _write_transfer(self, payment: Payment, signature: str) -> str:
        addresses = self._economy.addresses
        outputs = ",".join(
            [f'{{"amount":{amount},"to":"{addresses[receiver]}"}}' for receiver, amount in payment.outputs]
        )
        return (
            f'{{"body":{{"outputs":[{outputs}]}},"fee":{payment.fee},"key":"{self._economy.keys[payment.sender]}",'
            f'"kind":"transfer","network":"{self._params.network}","sequence":{payment.sequence},'
            f'"signature":"{signature}"}}'
        )

    def _seal(
        self, height: int, parent: Parent, body: Body, state: str, *, error: int | None = None
    ) -> Sealed:
        plan, subject = self._plan, self._subject(height)
        root = body.root
        is_real = height in self._with_model and error is None
        network = find_network(
            self._params,
            self._grammar,
            subject.problem,
            previous=parent.hash,
            transactions=root,
            start=0 if error is None else 10_000,
            most_bytes=MAX_MODEL_BYTES if is_real else None,
        )
        header = Header(
            network=self._params.network,
            version=VERSION,
            height=height,
            previous=parent.hash,
            round=int(plan.round[height]),
            timestamp=int(plan.timestamp[height]),
            threshold=int(plan.threshold[height]),
            problem=subject.id,
            grammar=self._genesis.grammar,
            transactions=root,
            nonce=network.nonce,
            model=object_store.put(make_model(network)) if is_real else _hash(f"model {root}"),
            model_bytes=network.model_bytes,
            error=int(plan.error[height]) if error is None else error,
            state=state,
            seal=self._rng.bytes(64).hex(),
        )
        return Sealed(header, header.hash, network)

    def _subject(self, height: int) -> Subject:
        return self._plan.subjects[int(self._plan.subject[height])]

    def _add_rows(
        self, made: Sealed, parent: Parent, body: Body, miner: int, reward: int, *, is_tip: bool
    ) -> None:
        header, sender = made.header, self._economy.addresses[miner]
        self._add_block(
            made, body, sender, parent, reward, "valid", self._ledger.to_bytes() if is_tip else None
        )
        add, height = self.lines.add, header.height
        seen = _time(header.timestamp)
        raw = body.texts[0].encode()
        add("chain_transaction", body.txids[0], "reward", sender, height, 0, reward, raw, seen, "included")
        add("explorer_addressentry", sender, height, 0, body.txids[0], "mined", reward, 0)
        for position, txid in enumerate(body.txids):
            add("chain_blocktransaction", made.hash, position, txid)
        for position, payment in enumerate(body.payments, start=1):
            txid = body.txids[position]
            self._add_transfer(payment, txid, body.texts[position], header.timestamp - 3, "included")
            self._add_entries(payment, txid, height, position)
        self._add_record(made, parent, sender, len(body.txids))

    def _add_transfer(self, payment: Payment, txid: str, text: str, seen: int, status: str) -> None:
        sender = self._economy.addresses[payment.sender]
        amount = sum([amount for _, amount in payment.outputs])
        values = (
            "transfer",
            sender,
            payment.sequence,
            payment.fee,
            amount,
            text.encode(),
            _time(seen),
            status,
        )
        self.lines.add("chain_transaction", txid, *values)

    def _add_entries(self, payment: Payment, txid: str, height: int, position: int) -> None:
        addresses, add = self._economy.addresses, self.lines.add
        received: dict[int, int] = {}
        for receiver, amount in payment.outputs:
            received[receiver] = received.get(receiver, 0) + amount
        back = received.pop(payment.sender, 0)
        kind = "sent" if received or not back else "self"
        change = back - sum([amount for _, amount in payment.outputs]) - payment.fee
        sender = addresses[payment.sender]
        add("explorer_addressentry", sender, height, position, txid, kind, change, payment.fee)
        for receiver, amount in received.items():
            add("explorer_addressentry", addresses[receiver], height, position, txid, "received", amount, 0)

    def _add_record(self, made: Sealed, parent: Parent, miner: str, transactions: int) -> None:
        header, network = made.header, made.network.architecture
        self.lines.add(
            "explorer_modelrecord",
            *(header.height, made.hash, header.model, header.timestamp, header.timestamp - parent.timestamp),
            *(header.round, header.threshold, header.problem, header.grammar, header.error, _quality(header)),
            *(network.text, len(network.layers), network.parameters, get_size_class(network.parameters)),
            *(network.macs, header.model_bytes, miner, transactions),
        )

    def _add_block(
        self,
        made: Sealed,
        body: Body,
        miner: str,
        parent: Parent,
        reward: int,
        status: str,
        accumulator: bytes | None = None,
        *,
        is_canonical: bool = True,
    ) -> None:
        header = made.header
        seen, was_connected = _time(header.timestamp - 1), _time(header.timestamp) if is_canonical else None
        weight, code = header.threshold + 1, FalseClaim.code if status == "refused" else None
        self.lines.add(
            "chain_block",
            *(made.hash, header.height, header.previous, header.round, header.timestamp, header.threshold),
            *(header.problem, header.grammar, header.transactions, header.nonce, header.model),
            *(header.model_bytes, header.error, _quality(header), header.state, header.seal, miner),
            *(_encode_block(header, body.texts), len(body.txids), body.fees, reward, weight),
            *(parent.work + weight, False, seen, seen, was_connected, status, code, is_canonical, None),
            accumulator,
        )

    def _add_rivals(self, height: int, parent: Parent, winner: Sealed) -> None:
        """Now and then the losing or refused block of another miner beside this one."""
        if height % SIBLING_EVERY == 0:
            self._add_rival(height, parent, "valid", self._worst_error(winner.header))
        if height % REFUSED_EVERY == 0:
            self._add_rival(height, parent, "refused", max(1, winner.header.error // 2))

    def _add_rival(self, height: int, parent: Parent, status: str, error: int) -> None:
        miner = self._economy.pick_miner()
        text = self._write_reward(height, miner)
        body = Body([text], [_txid(text)], [], 0)
        made = self._seal(height, parent, body, _hash(f"state {status} {height}"), error=error)
        sender = self._economy.addresses[miner]
        self._add_block(made, body, sender, parent, 0, status, is_canonical=False)

    def _worst_error(self, header: Header) -> int:
        """The worst error that would have met the threshold."""
        subject = self._subject(header.height)
        places = range(len(subject.errors))
        met = (place for place in places if subject.qualities[place] >= header.threshold)
        return subject.errors[next(met, len(places) - 1)]

    def _keep_entry(self, key: str, value: Entry) -> None:
        self._ledger = self._ledger.add(key, value)
        self.lines.add("chain_ledgerentry", key, json.dumps(value))

    def _close_ledger(self) -> str:
        """Write the ledger's other entries; returns the commitment to all."""
        for key, value in self._economy.entries():
            self._keep_entry(key, value)
        for subject in ("problem", "grammar"):
            content = getattr(self._genesis, subject)
            self._keep_entry(f"active/{subject}", {"proposal": "", "content": content, "since": 0})
        return self._ledger.commitment


def choose_heights(blocks: int, models: int) -> frozenset[int]:
    """The blocks whose models are really made: half of them at the tip, the others all along."""
    newest = range(max(1, blocks - models // 2 + 1), blocks + 1)
    spread = np.linspace(1, blocks, max(0, models - len(newest)), dtype=np.int64).tolist()
    return frozenset([*newest, *spread])


def _object_entry(header: Header) -> tuple[str, Entry]:
    return f"object/{header.model}", {"bytes": header.model_bytes, "model": 1, "proposals": 0}


def _encode_block(header: Header, texts: Sequence[str]) -> bytes:
    fields = json.dumps(header.to_json(), sort_keys=True, separators=(",", ":"))
    return f'{{"header":{fields},"transactions":[{",".join(texts)}]}}'.encode()


def _txid(text: str) -> str:
    return hashlib.sha3_256(b"coinai/1/transaction\n" + text.encode()).hexdigest()


def _hash(text: str) -> str:
    return hashlib.sha3_256(text.encode()).hexdigest()


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(" ")


def _write(value: Value) -> str:
    """A value in the text form of COPY."""
    if isinstance(value, str):
        return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
    if isinstance(value, bytes):
        return "\\\\x" + value.hex()
    if value is None:
        return NULL
    return str(value)


def _quality(header: Header) -> int:
    return compute_quality(header.error)
