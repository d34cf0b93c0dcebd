"""Replay a node's chain with the second implementation: ``python -m tests.second URL [EVALUATED BLOCKS]``.

Every header, transaction and ledger commitment is checked, and the error of the last blocks computed again.
"""

import json
import sys
import urllib.request

from tests.second.chain import Node


def main(site: str, evaluated: int) -> None:
    """Check every canonical block that the site serves, printing a line for each."""
    cache: dict[str, bytes] = {}

    def get(path: str) -> bytes:
        with urllib.request.urlopen(site.rstrip("/") + path, timeout=30) as answer:
            return bytes(answer.read())

    def read(object_id: str) -> bytes:
        if object_id not in cache:
            cache[object_id] = get(f"/api/v1/objects/{object_id}")
        return cache[object_id]

    node = Node(json.loads(get("/api/v1/genesis")), read)
    height = json.loads(get("/api/v1/status"))["height"]
    for number in range(1, height + 1):
        name = json.loads(get(f"/api/v1/blocks/{number}"))["hash"]
        node.connect(get(f"/api/v1/blocks/{name}/raw"), evaluate=number > height - evaluated)
        if node.hash != name:
            raise SystemExit(f"block {number} is called {name} but hashes to {node.hash}")
        print(
            f"block {number}: {node.header['error']} ppm, ledger {node.header['state'][:16]}, agreed",
            flush=True,
        )
    print(f"{height} blocks agree")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10)
