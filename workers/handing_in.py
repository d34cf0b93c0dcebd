"""Handing a model in (docs/pool-protocol.md §3)."""

import logging
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPException

from workers.web import open_url

ANSWER_SECONDS = 10.0
BACK_OFF_SECONDS = (0.2, 0.5, 1.0, 2.0, 4.0)
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
    pauses: Sequence[float] = BACK_OFF_SECONDS,
) -> bool:
    """PUT a model; tried again when the site is away, not when it refuses. False if it was not taken.

    ``is_over_within`` waits some seconds and says whether the work on the lease ended meanwhile.
    """
    url = f"{site_url}/api/v1/pool/leases/{model.lease}/model?nonce={model.nonce}&error={model.error}"
    headers = {"Authorization": f"Bearer {model.token}", "Content-Type": "application/octet-stream"}
    for pause in (*pauses, None):
        request = urllib.request.Request(url, data=model.data, headers=headers, method="PUT")  # noqa: S310
        try:
            with open_url(request, ANSWER_SECONDS) as answer:
                return answer.status == 202
        except urllib.error.HTTPError as refusal:
            detail = refusal.read(2000).decode(errors="replace")
            log.warning("the site answers %d to nonce %d: %s", refusal.code, model.nonce, detail)
            if refusal.code < 500 and refusal.code != 429:
                return False
        except (OSError, HTTPException) as failure:
            log.warning("the model of nonce %d could not be sent: %s", model.nonce, failure)
        if pause is None or is_over_within(pause):
            break
    return False
