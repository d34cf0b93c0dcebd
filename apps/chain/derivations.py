"""Derivations as JSON: of a block, and of whatever somebody wants to try."""

from typing import Any

from apps.chain.contents import get_derivation, get_grammar, get_problem
from apps.chain.models import Block
from apps.chain.rounds import get_round
from apps.chain.selectors import get_params
from apps.common.errors import BadRequest, NotFound
from protocol.architecture import Architecture, check_minable, layers_to_json, parse_architecture
from protocol.errors import ObjectMissing, ProtocolError
from protocol.grammar import (
    Derivation,
    Grammar,
    compute_seed,
    derivation_to_json,
    derive,
    parse_grammar,
    tree_to_preorder,
)

DEEPEST_NESTED = 100  # deeper trees are sent flat: JSON readers have limits


def describe_block(block: Block) -> dict[str, Any]:
    """How a block's hash became its network. Raises NotFound while its problem or grammar is missing here."""
    try:
        derivation, architecture = get_derivation(block)
    except ObjectMissing as error:
        raise NotFound(f"copy of the {error.what} {error.object}") from None
    seed = compute_seed(block.previous, block.transactions_root, block.nonce)
    return _describe(seed, derivation, architecture)


def describe_request(
    *,
    grammar: str | None,
    previous: str | None,
    transactions: str | None,
    nonce: int | None,
    grammar_text: str | None,
    seed: str | None,
) -> dict[str, Any]:
    """The derivation that was asked for, with the network it gives on the active problem.

    Raises BadRequest for a mixture of both forms, NotFound for an unknown grammar, and what parse_grammar
    and derive raise.
    """
    params = get_params()
    if grammar_text is not None and seed is not None and grammar is None:
        parsed, found = parse_grammar(grammar_text), bytes.fromhex(seed)
    elif None not in (grammar, previous, transactions, nonce) and grammar_text is None and seed is None:
        parsed = _find_grammar(str(grammar))
        found = compute_seed(str(previous), str(transactions), int(nonce or 0))
    else:
        raise BadRequest("send either grammar, previous, transactions and nonce, or grammar_text and seed")
    derivation = derive(
        parsed,
        found,
        max_choices=params.max_choices,
        rule="paper" if params.derivation == "paper" else "refill",
    )
    return _try_network(found, derivation)


def _find_grammar(grammar_id: str) -> Grammar:
    try:
        return get_grammar(grammar_id)
    except ObjectMissing:
        raise NotFound("grammar of this id") from None


def _try_network(seed: bytes, derivation: Derivation) -> dict[str, Any]:
    problem = get_problem(get_round().problem)
    architecture, reason = None, ""
    try:
        architecture = parse_architecture(derivation.text, problem.shape, problem.classes)
        check_minable(architecture, problem, get_params())
    except ProtocolError as error:
        reason = error.detail
    return _describe(seed, derivation, architecture) | {"minable": not reason, "reason": reason}


def _describe(seed: bytes, derivation: Derivation, architecture: Architecture | None) -> dict[str, Any]:
    rows: list[Any] = tree_to_preorder(derivation.tree)
    is_shallow = max(row[0] for row in rows) <= DEEPEST_NESTED
    described: dict[str, Any] = {"seed": seed.hex(), **derivation_to_json(derivation, nested=is_shallow)}
    if architecture is None:
        return described | {"layers": [], "parameters": 0, "macs": 0}
    return described | {
        "layers": layers_to_json(architecture),
        "parameters": architecture.parameters,
        "macs": architecture.macs,
    }
