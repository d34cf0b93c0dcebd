"""Joining a chain that others run: its genesis document and objects from a node that is on it, verified."""

import json
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from typing import Any

import structlog
from django.conf import settings

from apps.chain.genesis import store_objects, write_genesis
from apps.chain.peers.errors import CannotJoin
from apps.common import object_store
from protocol.blocks import Genesis, genesis_block
from protocol.encoding import encode
from protocol.errors import ProtocolError
from protocol.params import PARAMETERS
from protocol.problem import parse_problem

SECONDS = 20
DOCUMENT_BYTES = 2**20
CONTENT_BYTES = 64 * 1024

log = structlog.get_logger(__name__)


def join_chain(urls: Sequence[str]) -> Genesis:
    """Take the genesis document of the network of these nodes, if this node has none yet.

    All that answer must name the same one, and COINAI_GENESIS_HASH if it is set; block 0 must follow from
    it, and the parameters must be those that this software has for the network. Raises CannotJoin.
    """
    found: dict[str, tuple[str, Genesis]] = {}
    failures = []
    for url in urls:
        try:
            genesis = _fetch_genesis(url)
        except (OSError, HTTPException, ValueError, ProtocolError) as error:
            failures.append(f"{url}: {error}")
            continue
        found[genesis_block(genesis).hash] = (url, genesis)
    if not found:
        raise CannotJoin(f"no node gave a genesis document ({'; '.join(failures) or 'none was named'}).")
    if len(found) > 1:
        names = ", ".join(f"{url} has {name}" for name, (url, _) in found.items())
        raise CannotJoin(f"the nodes are on different chains ({names}); set COINAI_GENESIS_HASH.")
    block_hash, (url, genesis) = next(iter(found.items()))
    _check(genesis, block_hash)
    store_objects()
    for object_id, most in ((genesis.problem, CONTENT_BYTES), (genesis.grammar, CONTENT_BYTES)):
        _fetch_object(url, object_id, most)
    problem = parse_problem(object_store.read(genesis.problem), genesis.parameters)
    _fetch_object(url, problem.data, genesis.parameters.max_data_bytes)
    write_genesis(encode(genesis.to_json()))
    log.info("chain_joined", url=url, genesis=block_hash)
    return genesis


def _check(genesis: Genesis, block_hash: str) -> None:
    if genesis.network != settings.COINAI_NETWORK:
        raise CannotJoin(
            f"that node is on the network {genesis.network}, COINAI_NETWORK is {settings.COINAI_NETWORK}."
        )
    if settings.COINAI_GENESIS_HASH and block_hash != settings.COINAI_GENESIS_HASH:
        raise CannotJoin(f"its chain begins with {block_hash}, COINAI_GENESIS_HASH asks for another one.")
    if genesis.parameters != PARAMETERS[genesis.network]:
        log.warning("other_parameters", network=genesis.network, genesis=block_hash)


def _fetch_genesis(url: str) -> Genesis:
    genesis = Genesis.from_json(json.loads(_get(f"{url}/api/v1/genesis", DOCUMENT_BYTES)))
    status: Any = json.loads(_get(f"{url}/api/v1/status", DOCUMENT_BYTES))
    expected = genesis_block(genesis).hash
    if status.get("genesis") != expected:
        raise CannotJoin(f"its first block is {status.get('genesis')}, but its document gives {expected}.")
    return genesis


def _fetch_object(url: str, object_id: str, most: int) -> None:
    if object_store.exists(object_id):
        return
    try:
        object_store.put(_get(f"{url}/api/v1/objects/{object_id}", most), expected=object_id)
    except (OSError, HTTPException, ValueError) as error:
        raise CannotJoin(f"{url} does not give object {object_id}: {error}.") from error


def _get(url: str, most: int) -> bytes:
    with urllib.request.urlopen(url, timeout=SECONDS) as answer:  # noqa: S310 - settings allow http(s) alone
        body: bytes = answer.read(most + 1)
    if len(body) > most:
        raise ValueError(f"more than {most} bytes")
    return body
