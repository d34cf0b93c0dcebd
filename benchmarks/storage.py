"""What keeping costs: checking proofs, hashing objects, and repairing a thousand of them."""

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from benchmarks.keepers.chain import Account, Chain
from benchmarks.measure import interleave, measure, print_table, show_rate
from protocol.crypto import public_key, sha3_256
from protocol.merkle import ObjectHasher, chunk_path, object_id
from protocol.params import CAI, GIB, MAIN, MIB
from protocol.storage import check_chunk
from protocol.transactions import (
    Keeper,
    Leave,
    StorageProof,
    check_transaction,
    compute_bond,
    sign_transaction,
)

PROVEN_BYTES = MIB
HASHED_BYTES = 16 * MIB
OBJECTS = 1000
OBJECT_BYTES = 64 * 1024
KEEPERS = 6
PIECE = 256 * 1024


def run(quick: bool) -> None:
    """Print all tables."""
    run_proofs(2.0 * (0.2 if quick else 1.0))
    run_hashing(3 if quick else 15)
    run_repair(OBJECTS // 10 if quick else OBJECTS)


def run_proofs(seconds: float) -> None:
    """Storage proofs checked a second, by one core."""
    data = os.urandom(PROVEN_BYTES)
    name, chunk = object_id(data), 700
    piece = data[chunk * 1024 : (chunk + 1) * 1024]
    path = tuple(node.hex() for node in chunk_path(data, chunk))
    secret = sha3_256(b"benchmark")
    body = StorageProof(1, 0, piece, path)
    signed = sign_transaction(secret, network="main", kind=body.kind, sequence=0, fee=0, body=body)
    other = replace(signed, key=public_key(secret).hex())

    def check_both() -> None:
        check_transaction(MAIN, other)
        check_chunk(name, PROVEN_BYTES, chunk, piece, path)

    alone = measure(lambda: check_chunk(name, PROVEN_BYTES, chunk, piece, path), seconds)
    both = measure(check_both, seconds)
    print_table(
        "Storage proofs",
        "A chunk and its path of ten hashes in an object of 1 MiB, checked by one core.",
        ("what", "a second"),
        [
            ("path against the object id", show_rate(alone)),
            ("the whole transaction, with its signature", show_rate(both)),
        ],
    )


def run_hashing(rounds: int) -> None:
    """Object ids against the platform's SHA3-256 over the same bytes."""
    data = os.urandom(HASHED_BYTES)
    times = interleave(
        (
            lambda: hashlib.sha3_256(data).digest(),
            lambda: object_id(data),
            lambda: hash_in_pieces(data),
        ),
        rounds,
    )
    whole, at_once, in_pieces = (sorted(taken)[len(taken) // 2] for taken in times)
    rows = [
        ("SHA3-256 of the platform (OpenSSL)", _show_speed(whole), "1"),
        ("object id", _show_speed(at_once), f"{at_once / whole:.2f}"),
        ("object id, in pieces as they arrive", _show_speed(in_pieces), f"{in_pieces / whole:.2f}"),
    ]
    print_table(
        "Hashing",
        "16 MiB, one core. An object id is a tree over chunks of 1 KiB: a chunk more hashes, and Python.",
        ("what", "a second", "time against the platform's"),
        rows,
    )


def hash_in_pieces(data: bytes) -> str:
    """The object id of bytes that come in pieces."""
    hasher = ObjectHasher()
    for start in range(0, len(data), PIECE):
        hasher.update(data[start : start + PIECE])
    return hasher.hexdigest()


def _show_speed(seconds: float) -> str:
    return f"{HASHED_BYTES / MIB / seconds:.0f} MiB"


def run_repair(objects: int) -> None:
    """A keeper leaves: what it held is assigned anew, fetched from the others' folders, and checked."""
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(Path(folder), objects)
        shop.fill()
        lost = shop.leave()
        began, cpu = time.monotonic(), time.process_time()
        blocks = shop.repair()
        wall, cpu = time.monotonic() - began, time.process_time() - cpu
        rows = [
            ("replicas to restore", str(lost)),
            ("blocks until all had their factor", str(blocks)),
            ("bytes fetched, each checked against its id", f"{shop.moved / MIB:.0f} MiB"),
            ("CPU seconds for 1000 objects, the blocks included", f"{1000 * cpu / lost:.2f}"),
            ("seconds on the clock for 1000 objects", f"{1000 * wall / lost:.2f}"),
        ]
    print_table(
        "Repair",
        f"{KEEPERS} keepers with folders of their own hold {objects} models of 64 KiB, three replicas each, "
        "on the rules of the main network; the one with the most leaves.",
        ("what", ""),
        rows,
    )


class Shop:
    """Keepers with real files over the real ledger."""

    def __init__(self, folder: Path, objects: int) -> None:
        self.folder, self.objects, self.moved = folder, objects, 0
        self.accounts = [Account.create(f"repairer {number}") for number in range(KEEPERS)]
        params = replace(MAIN, model_replicas=3, proof_blocks=10 * objects)  # nobody is asked here
        allocations = {account.address: 100 * CAI for account in self.accounts}
        self.chain = Chain(params, "repair", allocations)

    def fill(self) -> None:
        """Register the keepers, and mine a block for each object, which its keepers then hold."""
        bond = compute_bond(MAIN, GIB)
        acts = [(account, Keeper(GIB, "https://keeper.example/", bond)) for account in self.accounts]
        self.chain.mine(self.chain.sign(acts), *self._make())
        for _ in range(self.objects):
            changes = self.chain.mine([], *self._make())
            self._follow((change.key for change in changes if change.after is not None), self.folder / "new")

    def leave(self) -> int:
        """The keeper with the most replicas leaves, and its files go; return how many there were."""
        count = {account: len(self.chain.state.list_held(account.address)) for account in self.accounts}
        leaver = max(self.accounts, key=lambda account: count[account])
        self.chain.mine(self.chain.sign([(leaver, Leave())]), *self._make())
        shutil.rmtree(self.folder / leaver.address)
        self.moved = 0
        return count[leaver]

    def repair(self) -> int:
        """Mine until nothing lacks a replica, fetching what is assigned; return the number of blocks."""
        begun = self.chain.height
        while list(self.chain.state.list_lacking(self.chain.params, KEEPERS)):
            changes = self.chain.mine([], *self._make())
            self._follow(change.key for change in changes if change.after is not None)
            if self.chain.height - begun > self.objects:
                raise RuntimeError("the rules do not restore the factors")
            if len(list(self.chain.state.list_lacking(self.chain.params, KEEPERS))) <= 1:
                break  # the last block's own model is placed with the next one
        return self.chain.height - begun

    def _make(self) -> tuple[str, int]:
        """Write a new model of its own bytes; its id and length."""
        data = os.urandom(OBJECT_BYTES)
        name = object_id(data)
        path = self.folder / "new" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        return name, len(data)

    def _follow(self, keys: Iterable[str], source: Path | None = None) -> None:
        """Fetch the replicas that were assigned, from the others or from ``source``."""
        for key in keys:
            if key.startswith("replica/"):
                _, name, address = key.split("/")
                self._fetch(name, address, source)

    def _fetch(self, name: str, address: str, source: Path | None) -> None:
        """Copy an object piece by piece, and keep it only if the bytes are right."""
        target = self.folder / address / name
        target.parent.mkdir(exist_ok=True)
        found = source / name if source else self._find(name, address)
        hasher, partial = ObjectHasher(), target.with_suffix(".part")
        with found.open("rb") as reader, partial.open("wb") as writer:
            while piece := reader.read(PIECE):
                hasher.update(piece)
                writer.write(piece)
                self.moved += len(piece)
        if hasher.hexdigest() != name:
            raise RuntimeError(f"{found} holds other bytes than its name says")
        partial.rename(target)

    def _find(self, name: str, without: str) -> Path:
        """A living copy: another keeper's, or the miner's for a model of this moment."""
        folders = [self.folder / account.address for account in self.accounts if account.address != without]
        return next(
            path
            for path in (*(folder / name for folder in folders), self.folder / "new" / name)
            if path.exists()
        )
