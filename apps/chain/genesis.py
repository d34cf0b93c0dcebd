"""The beginning of a chain: the genesis document, block 0, its ledger and the objects that ship with the
software.
"""

import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.db import transaction as database
from django.utils import timezone

from apps.chain.contents import clear_caches, get_data_set
from apps.chain.models import Block, LedgerTip
from apps.chain.selectors import clear_genesis, get_genesis
from apps.chain.signals import block_connected
from apps.chain.store import changes_to_json, write_entries
from apps.common import object_store
from datasets import GENESIS_PROBLEMS, load_data, load_problem
from protocol.blocks import Block as BlockContents
from protocol.blocks import Genesis, encode_block, genesis_block
from protocol.crypto import address, public_key, sha3_256
from protocol.encoding import encode
from protocol.errors import InvalidGenesis
from protocol.grammar import shipped_grammar
from protocol.ledger import Transition, apply_genesis
from protocol.merkle import object_id
from protocol.params import CAI, PARAMETERS
from protocol.problem import parse_problem

GRAMMAR = "default"
LOCK_KEY = 0x67656E65736973  # the letters "genesis"
ALLOCATION = 1_000_000 * CAI
# Keys that everyone knows, on networks whose coins are worth nothing: secret = SHA3-256 of the text.
PUBLIC_SECRETS: Mapping[str, tuple[str, ...]] = {
    "main": (),
    "devnet": ("coinai/devnet/faucet",),
    "testing": ("coinai/testing/alice", "coinai/testing/bob", "coinai/testing/charlie"),
}


def init_chain(*, now: int | None = None) -> Block:
    """Begin the chain of COINAI_NETWORK, or continue the one that is there; safe to call at every start.

    Writes the genesis document unless there is one, stores problem, grammar and data set, and writes block
    0. Raises InvalidGenesis when the document does not belong to this network or to the chain in the
    database.
    """
    store_objects()
    if not settings.COINAI_GENESIS.exists():
        _write_once(settings.COINAI_GENESIS, encode(make_genesis(now=now).to_json()))
    clear_genesis()
    clear_caches()
    genesis = get_genesis()
    if genesis.network != settings.COINAI_NETWORK:
        raise InvalidGenesis(
            f"{settings.COINAI_GENESIS} is of the network {genesis.network}, but COINAI_NETWORK is "
            f"{settings.COINAI_NETWORK}; use another COINAI_HOME for another network"
        )
    get_data_set(genesis.problem)  # the node could decide nothing without it
    return _write_first_block(genesis)


def make_genesis(*, now: int | None = None) -> Genesis:
    """The genesis document of a new chain of COINAI_NETWORK that begins at ``now``."""
    network = settings.COINAI_NETWORK
    allocations = {
        address(public_key(sha3_256(text.encode()))): ALLOCATION for text in PUBLIC_SECRETS[network]
    }
    return Genesis(
        network=network,
        parameters=PARAMETERS[network],
        timestamp=int(time.time()) if now is None else now,
        allocations=allocations,
        problem=object_id(load_problem(*GENESIS_PROBLEMS[network])),
        grammar=object_id(shipped_grammar(GRAMMAR)),
    )


def write_genesis(document: bytes) -> None:
    """Put another genesis document in the place of the one that is there, before `init_chain` reads it."""
    settings.COINAI_GENESIS.unlink(missing_ok=True)
    _write_once(settings.COINAI_GENESIS, document)


def store_objects() -> None:
    """Put the grammar, the problem and the data set that ship with the software into the object store."""
    object_store.put(shipped_grammar(GRAMMAR))
    folder, manifest_name = GENESIS_PROBLEMS[settings.COINAI_NETWORK]
    manifest = load_problem(folder, manifest_name)
    object_store.put(manifest)
    wanted = parse_problem(manifest, PARAMETERS[settings.COINAI_NETWORK]).data
    if not object_store.exists(wanted):
        object_store.put(load_data(folder), expected=wanted)


def _write_once(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)  # two first starts at once: the first one's document stands
    except FileExistsError:
        return
    finally:
        temporary.unlink()


def _write_first_block(genesis: Genesis) -> Block:
    contents = genesis_block(genesis)
    with database.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(%s)", [LOCK_KEY]
            )  # two first starts at once: one waits
        present = Block.objects.filter(height=0, canonical=True).first()
        if present is not None:
            if present.hash != contents.hash:
                raise InvalidGenesis(
                    f"the database holds a chain that begins with {present.hash}, but "
                    f"{settings.COINAI_GENESIS} describes {contents.hash}; restore that document, or use an "
                    "empty database"
                )
            return present
        transition = apply_genesis(genesis)
        write_entries({change.key: change.after for change in transition.changes})
        block = build_first_row(contents, transition)
        block.save(force_insert=True)
        LedgerTip.objects.create(block=block, accumulator=transition.accumulator.to_bytes())
        block_connected.send(sender=Block, block=block, contents=contents, changes=transition.changes)
        return block


def build_first_row(contents: BlockContents, transition: Transition) -> Block:
    """The row of block 0, connected from the start."""
    header = contents.header
    now = timezone.now()
    return Block(
        hash=contents.hash,
        height=0,
        previous=header.previous,
        round=0,
        timestamp=header.timestamp,
        threshold=0,
        problem=header.problem,
        grammar=header.grammar,
        transactions_root=header.transactions,
        nonce=0,
        model=header.model,
        model_bytes=0,
        error=0,
        quality=0,
        state=header.state,
        seal=header.seal,
        miner="",
        raw=encode_block(contents),
        transaction_count=0,
        received_at=now,
        evaluated_at=now,
        connected_at=now,
        status=Block.Status.VALID,
        canonical=True,
        undo=changes_to_json(transition.changes),
        accumulator=transition.accumulator.to_bytes(),
    )
