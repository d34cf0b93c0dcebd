"""``python -m benchmarks.sign_in [--quick]``: how fast a site signs wallets in, from challenge to session.

A whole site of its own: PostgreSQL, Valkey, two web processes. Each sign-in is two requests on one kept
connection: the challenge, and the signed message with the cookie that came with it.
"""

import argparse
import http.client
import json
import threading
import time
from dataclasses import dataclass, field

from benchmarks.measure import print_table
from benchmarks.private_site import PROCESSES, PrivateServers, describe_load
from protocol import crypto

CLIENTS = (1, 8)
SECONDS = 10.0
WARM_UP = 10


@dataclass(slots=True)
class Client:
    """Somebody who signs in again and again."""

    port: int
    number: int
    seconds: list[float] = field(default_factory=list)
    fault: str = ""

    def run(self, until: float, least: int = 0) -> None:
        """Sign in until the time is over, and at least so often."""
        secret = crypto.sha3_256(f"benchmark {self.number}".encode())
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            while not self.fault and (time.perf_counter() < until or len(self.seconds) < least):
                start = time.perf_counter()
                self._sign_in(connection, secret)
                self.seconds.append(time.perf_counter() - start)
        finally:
            connection.close()

    def _sign_in(self, connection: http.client.HTTPConnection, secret: bytes) -> None:
        key = crypto.public_key(secret)
        challenge, cookie = self._post(connection, "session/challenge", {"address": crypto.address(key)}, "")
        message = str(challenge.get("message", ""))
        signature = crypto.sign(secret, b"coinai/1/sign-in\n" + message.encode()).hex()
        body = {"key": key.hex(), "message": message, "signature": signature}
        answer, _ = self._post(connection, "session", body, cookie)
        if "address" not in answer:
            self.fault = str(answer.get("detail", answer))

    def _post(
        self, connection: http.client.HTTPConnection, path: str, body: dict[str, str], cookie: str
    ) -> tuple[dict[str, object], str]:
        headers = {"Content-Type": "application/json"} | ({"Cookie": cookie} if cookie else {})
        connection.request("POST", f"/api/v1/{path}", json.dumps(body), headers)
        answer = connection.getresponse()
        content: dict[str, object] = json.loads(answer.read())
        return content, (answer.getheader("Set-Cookie") or "").split(";")[0]


def measure_clients(port: int, count: int, seconds: float) -> tuple[int, float, list[float]]:
    """(sign-ins, wall seconds, seconds of each) of so many clients at once. Raises: RuntimeError."""
    clients = [Client(port, number) for number in range(count)]
    start = time.perf_counter()
    threads = [threading.Thread(target=client.run, args=(start + seconds,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall = time.perf_counter() - start
    faults = [client.fault for client in clients if client.fault]
    if faults:
        raise RuntimeError(f"a sign-in was refused: {faults[0]}")
    taken = sorted(second for client in clients for second in client.seconds)
    return len(taken), wall, taken


def run(quick: bool) -> None:
    """Print the rates."""
    load = describe_load()
    rows: list[tuple[object, ...]] = []
    with PrivateServers() as servers:
        site = servers.make_site("sign_in")
        site.manage("init_chain")
        site.start_web()
        try:
            Client(site.port, -1).run(0.0, least=WARM_UP)
            for count in CLIENTS:
                done, wall, taken = measure_clients(site.port, count, SECONDS / 5 if quick else SECONDS)
                middle, late = taken[len(taken) // 2], taken[int(0.95 * (len(taken) - 1))]
                rows.append((count, f"{done / wall:.1f}", f"{1000 * middle:.0f} ms", f"{1000 * late:.0f} ms"))
        finally:
            site.stop()
    print_table(
        "Signing in",
        f"Challenge, signature, session; {PROCESSES} web processes, clients on the same machine ({load}).",
        ("clients", "sign-ins a second", "median", "95%"),
        rows,
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sign_in")
    parser.add_argument("--quick", action="store_true", help="a fifth of the time, rough numbers")
    run(parser.parse_args().quick)


if __name__ == "__main__":
    main()
