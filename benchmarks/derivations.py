"""How fast nonces can be tried: hash → derivation → network → bounds, with no training yet."""

import itertools
from collections.abc import Callable, Iterator

from benchmarks.measure import measure, print_table, show_rate
from datasets import load_genesis_problem
from protocol.architecture import derive_architecture, scan_architecture
from protocol.errors import NotMinable
from protocol.grammar import compute_seed, parse_grammar, shipped_grammar
from protocol.params import DEVNET, TESTING, ChainParams
from protocol.problem import parse_problem

NONCES = 500  # in one measured call


def run(quick: bool) -> None:
    """Print the rates for both shipped problems."""
    rows = []
    for params in (DEVNET, TESTING):
        nonces = itertools.count()
        minable = [0, 0]
        scan = _make_scan(params, nonces, minable)
        per_nonce = measure(scan, 0.5 if quick else 3.0) / NONCES
        full = measure(_make_full(params, nonces), 0.5 if quick else 2.0) / NONCES
        title = parse_problem(load_genesis_problem(params.network)[0], params).title
        share = f"{100 * minable[0] / minable[1]:.0f}%"
        rows.append((params.network, title, show_rate(per_nonce), show_rate(full), share))
    print_table(
        "Derivations",
        "Nonces tried a second on one core: as a miner does (seed, text, layers, bounds), and with the whole "
        "derivation tree as a verifier and the block page do.",
        ("network", "problem", "miner, 1/s", "with tree, 1/s", "minable"),
        rows,
    )


def _seeds(nonces: Iterator[int]) -> Iterator[bytes]:
    return (compute_seed("11" * 32, "22" * 32, nonce) for nonce in itertools.islice(nonces, NONCES))


def _make_scan(params: ChainParams, nonces: Iterator[int], minable: list[int]) -> Callable[[], None]:
    problem = parse_problem(load_genesis_problem(params.network)[0], params)
    grammar = parse_grammar(shipped_grammar("default"))

    def scan() -> None:
        for seed in _seeds(nonces):
            minable[1] += 1
            try:
                scan_architecture(params, grammar, problem, seed)
                minable[0] += 1
            except NotMinable:
                pass

    return scan


def _make_full(params: ChainParams, nonces: Iterator[int]) -> Callable[[], None]:
    problem = parse_problem(load_genesis_problem(params.network)[0], params)
    grammar = parse_grammar(shipped_grammar("default"))

    def derive_all() -> None:
        for seed in _seeds(nonces):
            try:
                derive_architecture(params, grammar, problem, seed)
            except NotMinable:
                continue

    return derive_all
