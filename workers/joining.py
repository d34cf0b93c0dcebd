"""Enrolment: a worker's own key takes the place that a join token holds (docs/pool-protocol.md §7)."""

import json
import logging
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from protocol.enrolment import enrolment_bytes
from workers.identity import Identity
from workers.web import open_url

ANSWER_SECONDS = 15.0
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Before a site that fails is asked again: what is asked for here may be asked twice."""
log = logging.getLogger(__name__)


class JoinRefusedError(Exception):
    """The site does not let this worker in; the text says why, ``code`` is the protocol's."""

    def __init__(self, detail: str, code: int = 0) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What the site says of the worker."""

    name: str
    address: str
    state: str = "offline"


def read_network(site_url: str) -> str:
    """The name of the site's chain. Raises JoinRefusedError, OSError, ValueError."""
    return str(_ask(f"{site_url}/api/v1/status")["network"])


def enrol(site_url: str, identity: Identity, token: Identity, *, name: str, device: str) -> Enrolled:
    """Enrol once; the same again answers the same. Raises JoinRefusedError, OSError, ValueError."""
    message = enrolment_bytes(
        network=read_network(site_url),
        token_key=token.key,
        worker_key=identity.key,
        name=name,
        device=device,
    )
    body = {
        "token_key": token.key,
        "worker_key": identity.key,
        "name": name,
        "device": device,
        "signature": token.sign(message),
    }
    answer = _ask(f"{site_url}/api/v1/pool/workers", body)
    return Enrolled(str(answer["name"]), str(answer["address"]))


def find_enrolled(site_url: str, identity: Identity) -> Enrolled | None:
    """What the site knows of this worker; None when it has not joined there. Raises OSError, ValueError."""
    try:
        answer = _ask(f"{site_url}/api/v1/pool/workers/{identity.key}")
    except JoinRefusedError as refusal:
        if refusal.code != 1030:
            raise
        return None
    return Enrolled(str(answer["name"]), str(answer["address"]), str(answer["state"]))


def _ask(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers)  # noqa: S310 -- open_url takes http(s)
    for pause in (*PAUSES, None):
        try:
            with open_url(request, ANSWER_SECONDS) as answer:
                found = json.loads(answer.read(2**20))
            break
        except urllib.error.HTTPError as refusal:
            problem = _read_problem(refusal)
            detail = str(problem.get("detail", f"{url} answers {refusal.code}."))
            if refusal.code < 500 or pause is None:
                raise JoinRefusedError(detail, int(problem.get("code", 0))) from None
            log.warning("%s Trying again in %g s.", detail, pause)
            time.sleep(pause)
    if not isinstance(found, dict):
        raise ValueError(f"{url} answers something else than an object")
    return found


def _read_problem(refusal: urllib.error.HTTPError) -> dict[str, Any]:
    try:
        found = json.loads(refusal.read(2**16))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
