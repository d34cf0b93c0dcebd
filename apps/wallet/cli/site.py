"""A site's HTTP API, as the wallet needs it. It learns addresses and signed transactions, never a secret."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from apps.wallet.cli.errors import BadArgument, SiteRefused, SiteUnreachable

TIMEOUT_SECONDS = 20
MAX_ANSWER = 8 * 2**20
PAGE = 100
MAX_PAGES = 200

Transport: TypeAlias = Callable[[str, str, bytes | None], tuple[int, bytes]]
"""Method, path with query, body → status, answer."""


@dataclass(frozen=True, slots=True)
class Fees:
    """What a transaction should pay, in base units per 1000 bytes."""

    minimum: int
    suggestions: tuple[tuple[int, int], ...]
    """(blocks that it may take, rate), as the site sees its mempool."""

    def rate_for(self, blocks: int) -> int:
        """The least rate that is expected to be in a block within so many; the dearest when none is."""
        fitting = [rate for expected, rate in self.suggestions if expected <= blocks]
        dearest = max((rate for _, rate in self.suggestions), default=0)
        return max(self.minimum, min(fitting, default=dearest))


@dataclass(frozen=True, slots=True)
class Site:
    """A site that answers over HTTP."""

    url: str
    transport: Transport

    def get_network(self) -> str:
        """The name of its chain."""
        return str(self._get("/status")["network"])

    def get_address(self, address: str) -> dict[str, Any]:
        """Balance, locked coins and sequence of an address."""
        return self._get(f"/addresses/{address}")

    def get_transaction(self, txid: str) -> dict[str, Any]:
        """A transaction and where it stands."""
        return self._get(f"/transactions/{txid}")

    def list_history(self, address: str, *, limit: int) -> list[dict[str, Any]]:
        """The last transactions of an address in the best chain, newest first."""
        rows: list[dict[str, Any]] = []
        for row in self._pages(f"/addresses/{address}/transactions?limit={min(limit, PAGE)}"):
            if len(rows) >= limit:
                break
            rows.append(row)
        return rows

    def list_pending(self, address: str) -> list[dict[str, Any]]:
        """What the address sent that is in no block yet, by sequence."""
        rows = self._pages(f"/mempool?sender={address}&limit={PAGE}")
        return sorted(rows, key=lambda row: row["sequence"])

    def get_fees(self) -> Fees:
        """Its suggestions; none where it has no such page."""
        try:
            answer = self._get("/fees")
        except SiteRefused as error:
            if error.status == 404:
                return Fees(0, ())
            raise
        rows = answer.get("suggestions", [])
        return Fees(
            int(answer.get("minimum", 0)),
            tuple((int(row["blocks"]), int(row["fee_per_kilobyte"])) for row in rows),
        )

    def send(self, raw: bytes) -> dict[str, Any]:
        """Hand in a signed transaction, canonical JSON. Raises: SiteRefused, SiteUnreachable."""
        return self._ask("POST", "/transactions", raw)

    def register_worker_key(self, statement: dict[str, Any], signature: str) -> dict[str, Any]:
        """Hand in a wallet's statement on a worker key."""
        body = json.dumps({"statement": statement, "signature": signature}).encode()
        return self._ask("POST", "/wallet/worker-keys", body)

    def revoke_worker_key(self, worker: str, statement: dict[str, Any], signature: str) -> dict[str, Any]:
        """Hand in a wallet's revocation of a worker key."""
        body = json.dumps({"statement": statement, "signature": signature}).encode()
        return self._ask("POST", f"/wallet/worker-keys/{worker}/revoke", body)

    def _get(self, path: str) -> dict[str, Any]:
        return self._ask("GET", path, None)

    def _pages(self, path: str) -> Iterator[dict[str, Any]]:
        for _ in range(MAX_PAGES):
            page = self._get(path)
            yield from page["items"]
            if not page["next"]:
                return
            following = urlsplit(page["next"])
            path = f"{following.path.removeprefix('/api/v1')}?{following.query}"

    def _ask(self, method: str, path: str, body: bytes | None) -> dict[str, Any]:
        status, content = self.transport(method, f"/api/v1{path}", body)
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise SiteUnreachable(self.url, f"its answer ({status}) is not that of a Coin.AI site")
        if status >= 400:
            reason = str(answer.get("detail") or answer.get("title") or "it says no more")
            raise SiteRefused(status, int(answer.get("code") or 0), reason)
        return answer


def connect(url: str) -> Site:
    """A site by its address. Raises: BadArgument for an address that is none."""
    base = url.rstrip("/")
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadArgument(f"{url!a} is no address of a site; it looks like https://coins.example")
    return Site(base, lambda method, path, body: _request(base, method, path, body))


def _request(base: str, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    request = urllib.request.Request(base + path, data=body, headers=headers, method=method)  # noqa: S310  scheme checked
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310  likewise
            return response.status, response.read(MAX_ANSWER)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(MAX_ANSWER)
    except urllib.error.URLError as error:
        raise SiteUnreachable(base, str(error.reason)) from error
    except (OSError, http.client.HTTPException) as error:
        raise SiteUnreachable(base, str(error) or type(error).__name__) from error
