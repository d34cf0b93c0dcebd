"""``python -m benchmarks.network``: synchronisation, propagation, a soak with churn, a siege.

Without arguments the first three, the soak for a minute. All nodes run on this machine, each a process of its
own with a database of its own (tests/network/light.py), over real sockets.
"""

import argparse
import re
from collections.abc import Sequence

from benchmarks.measure import print_table
from benchmarks.network import propagation, siege, soak, sync
from benchmarks.network.chains import in_folder
from benchmarks.private_site import describe_load

UNITS = {"s": 1, "m": 60, "h": 3600}


def parse_seconds(text: str) -> float:
    """``90``, ``90s``, ``10m`` or ``1h`` in seconds."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smh]?)", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text} is no time like 60s, 10m or 1h")
    return float(found[1]) * UNITS[found[2] or "s"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what was asked for, print one table each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.network", description=__doc__)
    parser.add_argument("--sync", type=int, metavar="BLOCKS", help="only synchronisation, of so many blocks")
    parser.add_argument("--propagation", type=int, metavar="NODES", help="only propagation, through so many")
    parser.add_argument("--soak", type=parse_seconds, metavar="TIME", help="only the soak, for so long: 1h")
    parser.add_argument("--siege", type=parse_seconds, metavar="TIME", help="only adversaries, for so long")
    options = parser.parse_args(arguments)
    is_all = all(value is None for value in vars(options).values())
    print(f"Measured on: {describe_load()}.\n", flush=True)
    if is_all or options.sync:
        print_table(*in_folder(lambda folder: sync.measure(folder, blocks=options.sync or 300)))
    if is_all or options.propagation:
        count = options.propagation or 20
        print_table(*in_folder(lambda folder: propagation.measure(folder, nodes=count)))
    if is_all or options.soak:
        print_table(*in_folder(lambda folder: soak.measure(folder, seconds=options.soak or 60)))
    if options.siege:
        print_table(*siege.measure(seconds=options.siege))


if __name__ == "__main__":
    main()
