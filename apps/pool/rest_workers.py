"""The HTTP API of joined workers: enrolment, and how one is doing."""

from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from apps.pool import services
from apps.pool.models import EnrolledWorker
from apps.pool.selectors import find_worker, worker_to_json
from apps.pool.worker_errors import UnknownWorker

router = Router(tags=["pool"])
HEX_KEY = Field(min_length=64, max_length=64, description="64 lowercase hexadecimal digits")


class EnrolmentIn(Schema):
    """A worker takes the place that a join token holds."""

    token_key: str = HEX_KEY
    worker_key: str = HEX_KEY
    name: str = Field(min_length=1, max_length=100)
    device: str = Field(min_length=1, max_length=200)
    signature: str = Field(max_length=128, description="of the token's key, 128 hexadecimal digits")


class EnrolledOut(Schema):
    """A joined worker; times in Unix seconds."""

    worker: str
    token_key: str
    name: str
    device: str
    address: str
    state: str
    steps_per_second: float
    enrolled: float
    seen: float | None
    leases: int
    first_lease: float | None
    trainings: int


@router.post("/pool/workers", response={201: EnrolledOut}, summary="Join with a token", auth=None)
def enrol(request: HttpRequest, body: EnrolmentIn) -> Status:  # noqa: ARG001
    """Enrol a worker's own key once; the same request again answers the same."""
    row = services.enrol_worker(**body.dict())
    return Status(201, worker_to_json(row))


@router.get("/pool/workers/{key}", response=EnrolledOut, summary="A joined worker")
def worker(request: HttpRequest, key: str) -> dict[str, Any]:  # noqa: ARG001
    """By its own key or by that of its join token; 404 until it has joined."""
    row: EnrolledWorker | None = find_worker(key)
    if row is None:
        raise UnknownWorker(key)
    return worker_to_json(row)
