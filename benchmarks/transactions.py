"""``python -m benchmarks.transactions``: how many signed transfers a second come in, and how fast a block of
them is checked.

The first part sends them over HTTP to a site of its own; the clients run on the same machine. The second
takes turns, so that a busy machine harms all ways alike.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context

from benchmarks.http_load import read_answer
from benchmarks.measure import print_table
from benchmarks.private_site import PROCESSES, PrivateServers, PrivateSite, describe_load
from protocol.crypto import address, public_key, sha3_256
from protocol.encoding import encode
from protocol.params import DEVNET
from protocol.transactions import Output, SignedTransaction, Transfer, check_transaction, sign_transaction

FAUCET = sha3_256(b"coinai/devnet/faucet")
CLIENTS = (1, 8)
SENDERS = 200
WAYS = 2  # threads, and processes


def make_secret(number: int) -> bytes:
    """The key of a sender."""
    return sha3_256(f"coinai/benchmark/{number}".encode())


def make_transfer(secret: bytes, sequence: int, *outputs: Output) -> SignedTransaction:
    """A signed transfer on the devnet."""
    return sign_transaction(
        secret,
        network=DEVNET.network,
        kind="transfer",
        sequence=sequence,
        fee=1000 + sequence,
        body=Transfer(outputs),
    )


def fund(site: PrivateSite) -> None:
    """Give every sender an account: straight into the ledger's rows, since no block is mined here."""
    for number in range(SENDERS):
        account = f"account/{address(public_key(make_secret(number)))}"
        site.execute(
            "INSERT INTO chain_ledgerentry (key, value) VALUES (%s, %s)",
            [account, '{"balance": 100000000000, "sequence": 0}'],
        )


async def send_all(port: int, bodies: Sequence[bytes], *, clients: int) -> float:
    """Seconds until all are accepted. Raises RuntimeError when one is not."""
    waiting = iter(bodies)

    async def work() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for body in waiting:
            head = (
                f"POST /api/v1/transactions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            writer.write(head.encode() + body)
            status, _, is_kept = await read_answer(reader)
            if status != 202:
                raise RuntimeError(f"a transfer was answered with {status}")
            if not is_kept:
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()

    began = time.monotonic()
    await asyncio.gather(*(work() for _ in range(clients)))
    return time.monotonic() - began


def measure_accepting(quick: bool) -> None:
    """Print the rates end to end."""
    each = 100 if quick else 1000
    receiver = Output(address(public_key(FAUCET)), 1)
    rows = []
    with PrivateServers() as servers:
        site = servers.make_site("transactions")
        site.manage("init_chain")
        fund(site)
        site.start_web()
        try:
            for turn, clients in enumerate(CLIENTS):
                first = turn * each
                numbers = range(first, first + each)
                bodies = [
                    encode(make_transfer(make_secret(n % SENDERS), n // SENDERS, receiver).to_json())
                    for n in numbers
                ]
                seconds = asyncio.run(send_all(site.port, bodies, clients=clients))
                rows.append(
                    (clients, each, f"{each / seconds:.0f}", f"{1000 * seconds * clients / each:.1f}")
                )
        finally:
            site.stop()
    print_table(
        "Signed transfers accepted",
        f"POST /api/v1/transactions, {PROCESSES} web processes, {describe_load()}.",
        ("clients", "transfers", "accepted/s", "ms each"),
        rows,
    )


def check_all(transactions: Sequence[SignedTransaction]) -> None:
    """Check 20 of a block, one transaction after the other."""
    for item in transactions:
        check_transaction(DEVNET, item)


def measure_checking(quick: bool) -> None:
    """Print how long the signatures of a full block take, one by one and in parallel."""
    count = 100 if quick else DEVNET.max_transactions
    receiver = Output(address(public_key(FAUCET)), 1)
    block = [make_transfer(make_secret(n % SENDERS), n // SENDERS, receiver) for n in range(count)]
    parts = [block[n::WAYS] for n in range(WAYS)]
    with (
        ThreadPoolExecutor(WAYS) as threads,
        ProcessPoolExecutor(WAYS, mp_context=get_context("spawn")) as others,
    ):
        ways: list[tuple[str, Callable[[], object]]] = [
            ("one by one", partial(check_all, block)),
            (f"{WAYS} threads", lambda: list(threads.map(check_all, parts))),
            (f"{WAYS} processes", lambda: list(others.map(check_all, parts))),
            ("known by their ids", lambda: {item.txid for item in block}),
        ]
        taken = take_turns([function for _, function in ways], 2 if quick else 7)
    best = [min(times) for times in taken]
    print_table(
        f"The signatures of a block of {count} transfers",
        "Wall time, the least of some rounds in turn. The node skips those that its mempool has checked.",
        ("way", "ms", "times as fast"),
        [
            (name, f"{1000 * one:.0f}", f"{best[0] / one:.1f}")
            for (name, _), one in zip(ways, best, strict=True)
        ],
    )


def take_turns(functions: Sequence[Callable[[], object]], rounds: int) -> list[list[float]]:
    """Wall seconds of each function in each round, after one that does not count."""
    taken: list[list[float]] = [[] for _ in functions]
    for number in range(rounds + 1):
        for times, function in zip(taken, functions, strict=True):
            began = time.perf_counter()
            function()
            if number:
                times.append(time.perf_counter() - began)
    return taken


def run(quick: bool) -> None:
    """Print both tables."""
    measure_accepting(quick)
    measure_checking(quick)


if __name__ == "__main__":
    run(quick=False)
