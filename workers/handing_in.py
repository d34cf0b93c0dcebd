"""Handing a model in (docs/pool-protocol.md §3)."""

import json
import logging
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPException

from workers.web import open_url

ANSWER_SECONDS = 10.0
DUPLICATE = 1007  # docs/pool-protocol.md §5
PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0)  # a model outlives half a minute without the site
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Model:
    """A trained network that its lease may hand in; ``error`` in ppm, exact."""

    lease: str
    token: str
    nonce: int
    error: int
    data: bytes


def put_model(
    site_url: str,
    model: Model,
    is_over_within: Callable[[float], bool],
    *,
    pauses: Sequence[float] = PAUSES,
) -> bool:
    """PUT a model; tried again when the site is away, not when it refuses. False if it was not taken.

    ``is_over_within`` waits some seconds and says whether the work on the lease ended meanwhile. Then it is
    tried again at once: just after a new tip the pool still takes what is a share. A site that fails is
    tried on even then: once it is back, it lets its workers have their leases for some seconds more.
    """
    url = f"{site_url}/api/v1/pool/leases/{model.lease}/model?nonce={model.nonce}&error={model.error}"
    headers = {"Authorization": f"Bearer {model.token}", "Content-Type": "application/octet-stream"}
    waits = iter(pauses)
    is_over = is_unsure = False  # unsure: an answer was lost, and the model may have been received
    while True:
        request = urllib.request.Request(url, data=model.data, headers=headers, method="PUT")  # noqa: S310
        try:
            with open_url(request, ANSWER_SECONDS) as answer:
                _note_taken(model)
                return answer.status == 202
        except urllib.error.HTTPError as refusal:
            detail = refusal.read(2000).decode(errors="replace")
            log.warning("the site answers %d to nonce %d: %s", refusal.code, model.nonce, detail)
            if is_unsure and refusal.code == 409 and _read_code(detail) == DUPLICATE:
                _note_taken(model)
                return True
            if refusal.code < 500 and (refusal.code != 429 or is_over):
                return False
        except (OSError, HTTPException) as failure:
            is_unsure = True
            log.warning("the model of nonce %d could not be sent: %s", model.nonce, failure)
        pause = next(waits, None)
        if pause is None:
            log.warning("lease %s: nonce %d is lost, the site was away too long", model.lease, model.nonce)
            return False
        if is_over:
            time.sleep(pause)
        else:
            is_over = is_over_within(pause)


def _note_taken(model: Model) -> None:
    log.info("lease %s: nonce %d handed in, error %.2f%%", model.lease, model.nonce, model.error / 10_000)


def _read_code(detail: str) -> int:
    """The protocol's code of a refusal; 0 when it is not written as one."""
    try:
        problem = json.loads(detail)
    except ValueError:
        return 0
    return int(problem.get("code") or 0) if isinstance(problem, dict) else 0
