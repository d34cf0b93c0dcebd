"""``python -m benchmarks.explorer``: how fast the pages and the API are, on a short chain and on a long one.

Both chains are synthetic (`manage.py make_synthetic_chain`), each behind a web server of its own. Every path
is asked for on both in turn, so that a busy machine harms both alike; the clients run on the same machine.
"""

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.http_load import Taken, ask_many
from benchmarks.measure import print_table
from benchmarks.private_site import PROCESSES, PrivateServers, PrivateSite, describe_load

CLIENTS = (1, 8, 32)
SAMPLES = 40
"""Different things (blocks, addresses, …) that each path is asked for."""
PARTS = ("pages", "api", "reads")
TURNS = 3
"""How often the two sites take turns for a path."""


@dataclass(frozen=True, slots=True)
class Things:
    """Names of things on a chain."""

    heights: Sequence[int]
    blocks: Sequence[str]
    transactions: Sequence[str]
    rich: Sequence[str]
    addresses: Sequence[str]
    miners: Sequence[str]
    models: Sequence[str]
    real_models: Sequence[str]
    problem: str
    grammar: str
    tip: int


def find_things(site: PrivateSite, rng: random.Random) -> Things:
    """Things from all along the chain; the same number, however long it is."""
    ((tip,),) = site.query("SELECT height FROM explorer_totals")
    heights = sorted(rng.sample(range(1, tip + 1), min(SAMPLES, tip)))
    rows = site.query(
        "SELECT hash, model, miner, problem, grammar FROM chain_block WHERE canonical AND height = ANY(%s)",
        [heights],
    )
    transactions = site.query(
        "SELECT transaction_id FROM chain_blocktransaction WHERE position > 0 AND block_id = ANY(%s)",
        [[row[0] for row in rows]],
    )
    ranked = "SELECT address FROM explorer_addresssummary ORDER BY transactions {} LIMIT %s"
    real = site.query(
        "SELECT model FROM explorer_modelrecord ORDER BY height DESC LIMIT 20"  # those at the tip are made
    )
    return Things(
        heights=heights,
        blocks=[row[0] for row in rows],
        transactions=rng.sample([row[0] for row in transactions], min(SAMPLES, len(transactions))),
        rich=[row[0] for row in site.query(ranked.format("DESC"), [8])],
        addresses=[row[0] for row in site.query(ranked.format("ASC"), [SAMPLES])],
        miners=sorted({row[2] for row in rows})[:SAMPLES],
        models=[row[1] for row in rows],
        real_models=[row[0] for row in real],
        problem=rows[0][3],
        grammar=rows[0][4],
        tip=tip,
    )


Paths = Callable[[Things], Sequence[str]]

PAGES: Mapping[str, Paths] = {
    "/": lambda _: ["/"],
    "/blocks/": lambda _: ["/blocks/"],
    "/blocks/?before=": lambda t: [f"/blocks/?before={height}" for height in t.heights],
    "/blocks/{hash}/": lambda t: [f"/blocks/{name}/" for name in t.blocks],
    "/transactions/{txid}/": lambda t: [f"/transactions/{name}/" for name in t.transactions],
    "/addresses/{busiest}/": lambda t: [f"/addresses/{name}/" for name in t.rich],
    "/addresses/{quiet}/": lambda t: [f"/addresses/{name}/" for name in t.addresses],
    "/addresses/{miner}/mined/": lambda t: [f"/addresses/{name}/mined/" for name in t.miners],
    "/mempool/": lambda _: ["/mempool/"],
    "/network/": lambda _: ["/network/"],
    "/models/": lambda _: ["/models/"],
    "/models/?miner=": lambda t: [f"/models/?miner={name}" for name in t.miners],
    "/models/?layers=": lambda _: [f"/models/?layers={count}" for count in (3, 5, 8)],
    "/models/{id}/": lambda t: [f"/models/{name}/" for name in t.real_models],
    "/models/{id}/, bytes not here": lambda t: [f"/models/{name}/" for name in t.models],
    "/problems/": lambda _: ["/problems/"],
    "/problems/{id}/": lambda t: [f"/problems/{t.problem}/"],
    "/grammars/": lambda _: ["/grammars/"],
    "/grammars/{id}/": lambda t: [f"/grammars/{t.grammar}/"],
    "/pool/": lambda _: ["/pool/"],
    "/search/?q=height": lambda t: [f"/search/?q={height}" for height in t.heights],
    "/search/?q=beginning of a hash": lambda t: [f"/search/?q={name[:7]}" for name in t.blocks],
    "/search/?q=beginning of an address": lambda t: [f"/search/?q={name[:10]}" for name in t.addresses],
    "/search/?q=word": lambda _: ["/search/?q=digits", "/search/?q=fashion"],
}

API: Mapping[str, Paths] = {
    "/status": lambda _: ["/status"],
    "/blocks": lambda _: ["/blocks"],
    "/blocks?before=": lambda t: [f"/blocks?before={height}" for height in t.heights],
    "/blocks/{hash}": lambda t: [f"/blocks/{name}" for name in t.blocks],
    "/blocks/{height}": lambda t: [f"/blocks/{height}" for height in t.heights],
    "/blocks/{hash}/raw": lambda t: [f"/blocks/{name}/raw" for name in t.blocks],
    "/blocks/{hash}/derivation": lambda t: [f"/blocks/{name}/derivation" for name in t.blocks],
    "/transactions/{txid}": lambda t: [f"/transactions/{name}" for name in t.transactions],
    "/transactions/{txid}/proof": lambda t: [f"/transactions/{name}/proof" for name in t.transactions],
    "/mempool": lambda _: ["/mempool"],
    "/addresses/{busiest}": lambda t: [f"/addresses/{name}" for name in t.rich],
    "/addresses/{quiet}": lambda t: [f"/addresses/{name}" for name in t.addresses],
    "/addresses/{busiest}/transactions": lambda t: [f"/addresses/{name}/transactions" for name in t.rich],
    "…/transactions?before=": lambda t: [
        f"/addresses/{name}/transactions?before={t.tip // 2}.0" for name in t.rich
    ],
    "/models": lambda _: ["/models"],
    "/models?miner=": lambda t: [f"/models?miner={name}" for name in t.miners],
    "/models?layers=": lambda _: [f"/models?layers={count}" for count in (3, 5, 8)],
    "/models/{id}": lambda t: [f"/models/{name}" for name in t.models],
    "/problems": lambda _: ["/problems"],
    "/grammars": lambda _: ["/grammars"],
    "/search?q=": lambda t: [f"/search?q={name[:7]}" for name in t.blocks],
    "/statistics": lambda _: ["/statistics"],
    "/statistics?from=&to=": lambda t: [f"/statistics?from={h}&to={h + 500}" for h in t.heights],
    "/objects/{id}": lambda t: [f"/objects/{name}" for name in t.real_models],
}
READS = (
    "/status",
    "/blocks/{hash}",
    "/transactions/{txid}",
    "/addresses/{quiet}",
    "/blocks/{height}",
    "/mempool",
)
"""What API reads a second are counted over, in equal parts."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A synthetic chain behind its web server."""

    site: PrivateSite
    things: Things


def make_chain(servers: PrivateServers, blocks: int, per_block: int, name: str) -> Chain:
    """Make a chain of so many blocks, unless an earlier run kept it, and start its site."""
    site = servers.make_site(name)
    if site.query("SELECT height FROM explorer_totals") != [(blocks,)]:
        print(f"Making the chain of {blocks:,} blocks.", file=sys.stderr, flush=True)
        wanted = (f"--blocks={blocks}", f"--transactions={blocks * per_block}")
        site.manage("make_synthetic_chain", *wanted, "--force")
    site.start_web()
    return Chain(site, find_things(site, random.Random(7)))  # the same things in each run


def measure_path(
    chains: Sequence[Chain], paths: Paths, prefix: str, seconds: float
) -> list[dict[int, Taken]]:
    """For each chain and number of clients what the requests took; the chains take turns."""
    found: list[dict[int, Taken]] = [{clients: Taken() for clients in CLIENTS} for _ in chains]
    wanted = [[prefix + path for path in paths(chain.things)] for chain in chains]
    for chain, urls in zip(chains, wanted, strict=True):
        asyncio.run(ask_many(chain.site.port, urls, clients=2, seconds=0, least=2 * PROCESSES))  # warm
    for clients in CLIENTS:
        for _ in range(TURNS):
            for chain, urls, taken in zip(chains, wanted, found, strict=True):
                request = ask_many(
                    chain.site.port,
                    urls,
                    clients=clients,
                    seconds=seconds / TURNS,
                    least=4 * clients // TURNS,
                )
                taken[clients].add(asyncio.run(request))
    return found


def run_group(
    title: str,
    chains: Sequence[Chain],
    group: Mapping[str, Paths],
    prefix: str,
    *,
    seconds: float,
    only: str,
) -> None:
    """Measure and print one table: the long chain in full, and how it compares with the short one."""
    rows = []
    for name, paths in group.items():
        if only not in name:
            continue
        found = measure_path(chains, paths, prefix, seconds)
        short, long = found[0], found[-1]
        cells = [f"{_ms(long[clients], 0.5)} / {_ms(long[clients], 0.95)}" for clients in CLIENTS]
        ratio = long[1].quantile(0.5) / short[1].quantile(0.5)
        statuses = sorted({status for taken in long.values() for status in taken.statuses} - {200})
        size = sum(taken.bytes for taken in long.values()) / sum(
            len(taken.seconds) for taken in long.values()
        )
        note = f" ({', '.join(map(str, statuses))})" if statuses else ""
        rows.append((f"`{name}`{note}", *cells, f"{size / 1000:.1f}", f"{ratio:.2f}"))
        print(f"{title}: {name}", file=sys.stderr, flush=True)
    heights = " and ".join(f"{chain.things.tip:,}" for chain in chains)
    print_table(
        title,
        f"Milliseconds until the whole answer is there, median / p95, on the longer of two chains ({heights} "
        f"blocks); {PROCESSES} web processes, clients on the same machine. Last column: the median at one "
        "client, the longer chain by the shorter. A status in brackets was answered instead of 200.",
        ("path", *(f"{clients} client{'s' * (clients > 1)}" for clients in CLIENTS), "kB", "long / short"),
        rows,
    )


def run_reads(chains: Sequence[Chain], seconds: float) -> None:
    """Print how many API reads a second are answered."""
    rows = []
    for chain in chains:
        urls = [f"/api/v1{path}" for name in READS for path in API[name](chain.things)[:8]]
        random.Random(7).shuffle(urls)
        taken = [
            asyncio.run(ask_many(chain.site.port, urls, clients=clients, seconds=seconds, least=100))
            for clients in CLIENTS
        ]
        rows.append((f"{chain.things.tip:,}", *(f"{each.rate:.0f}" for each in taken)))
    print_table(
        "API reads a second",
        f"A mixture of {', '.join(f'`{name}`' for name in READS)}.",
        ("blocks", *(f"{clients} client{'s' * (clients > 1)}" for clients in CLIENTS)),
        rows,
    )


def _ms(taken: Taken, share: float) -> str:
    return f"{taken.quantile(share) * 1000:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.explorer", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--short", type=int, default=10_000, help="blocks of the short chain")
    parser.add_argument("--long", type=int, default=200_000, help="blocks of the long one")
    parser.add_argument("--full", action="store_true", help="a long chain of 1 000 000 blocks")
    parser.add_argument(
        "--keep", type=Path, help="a folder for the chains, which are measured again when they are there"
    )
    parser.add_argument("--make-only", action="store_true", help="make the chains, measure nothing")
    parser.add_argument(
        "--parts", nargs="+", choices=PARTS, default=PARTS, help="of the tables; all by default"
    )
    parser.add_argument("--only", default="", help="only paths with this text in their names")
    parser.add_argument("--transfers", type=int, default=10, help="a block")
    parser.add_argument(
        "--seconds", type=float, default=1.5, help="for each path, chain and number of clients"
    )
    options = parser.parse_args()
    began = time.monotonic()
    print(f"Measured on: {describe_load()}.", flush=True)
    with PrivateServers(options.keep) as servers:
        lengths = (options.short, 1_000_000 if options.full else options.long)
        chains: list[Chain] = []
        try:
            for name, blocks in zip(("short", "long"), lengths, strict=True):
                chains.append(make_chain(servers, blocks, options.transfers, name))
            if options.make_only:
                return
            for part, title, group, prefix in (("pages", "Pages", PAGES, ""), ("api", "API", API, "/api/v1")):
                if part in options.parts:
                    run_group(title, chains, group, prefix, seconds=options.seconds, only=options.only)
            if "reads" in options.parts:
                run_reads(chains, 3 * options.seconds)
        finally:
            for chain in chains:
                chain.site.stop()
    print(f"\nAll in {(time.monotonic() - began) / 60:.1f} minutes.")


if __name__ == "__main__":
    main()
