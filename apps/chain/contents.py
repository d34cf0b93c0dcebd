"""What blocks are about: problems, grammars, architectures and models, read from the object store and kept
in memory.

Everything here is named by its hash, so nothing kept can become stale.
"""

import functools

from apps.chain.models import Block
from apps.chain.selectors import get_params
from apps.common import object_store
from protocol.architecture import Architecture, derive_architecture, scan_architecture
from protocol.data_set import DataSetView, check_data_set
from protocol.grammar import Derivation, Grammar, compute_seed, parse_grammar
from protocol.problem import Problem, parse_problem


@functools.lru_cache(maxsize=64)
def get_problem(problem_id: str) -> Problem:
    """The problem of this id. Raises ObjectMissing, or what parse_problem raises."""
    return parse_problem(object_store.read(problem_id), get_params())


@functools.lru_cache(maxsize=64)
def get_grammar(grammar_id: str) -> Grammar:
    """The grammar of this id. Raises ObjectMissing, or what parse_grammar raises."""
    return parse_grammar(object_store.read(grammar_id))


def get_data_set_id(problem_id: str) -> str:
    """The object id of a problem's data set."""
    return get_problem(problem_id).data


@functools.lru_cache(maxsize=2)
def get_data_set(problem_id: str) -> DataSetView:
    """A problem's data set, checked. Raises ObjectMissing, or what check_data_set raises."""
    problem = get_problem(problem_id)
    return check_data_set(object_store.read(problem.data), problem, get_params())


@functools.lru_cache(maxsize=512)
def derive(
    previous: str, transactions: str, nonce: int, problem_id: str, grammar_id: str
) -> tuple[Derivation, Architecture]:
    """Derivation and architecture of a nonce. Raises a NotMinable error when the nonce is out of bounds."""
    seed = compute_seed(previous, transactions, nonce)
    return derive_architecture(get_params(), get_grammar(grammar_id), get_problem(problem_id), seed)


def get_derivation(block: Block) -> tuple[Derivation, Architecture]:
    """Derivation and architecture of a block (not of genesis, which has none)."""
    return derive(block.previous, block.transactions_root, block.nonce, block.problem, block.grammar)


@functools.lru_cache(maxsize=4096)  # lists show the same blocks again and again
def scan(previous: str, transactions: str, nonce: int, problem_id: str, grammar_id: str) -> Architecture:
    """The architecture of a nonce without its derivation, several times faster. Raises as ``derive`` does."""
    seed = compute_seed(previous, transactions, nonce)
    return scan_architecture(get_params(), get_grammar(grammar_id), get_problem(problem_id), seed)


def get_architecture(block: Block) -> Architecture:
    """The architecture of a block (not of genesis, which has none)."""
    return scan(block.previous, block.transactions_root, block.nonce, block.problem, block.grammar)


def clear_caches() -> None:
    """Forget what is kept: tests use several networks in one process."""
    for function in (get_problem, get_grammar, get_data_set, derive, scan):
        function.cache_clear()
