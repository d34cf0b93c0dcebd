"""Dry runs: asked for by an upload's sender, done by a mining worker, reported back network by network."""

import json
import math
import secrets
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from celery import current_app
from django.conf import settings
from django.db import transaction as database
from django.utils import timezone
from kombu.exceptions import OperationalError

from apps.chain import api as chain
from apps.governance.errors import BadReport, NoWorker, UploadUnknown, WrongUploadState
from apps.governance.manifests import Terms, build_manifest
from apps.governance.models import Trial, Upload, UploadState
from apps.governance.services.uploads import hash_token, lock_upload

DRY_RUN_TASK: Final = "workers.dry_run"
QUEUE: Final = "trials"
MAX_POINTS: Final = 500
STATES: Final = ("training", "scoring", "finished", "abandoned", "cancelled", "failed")
EXPIRES_SECONDS: Final = 600


@dataclass(frozen=True, slots=True)
class TrialReport:
    """What a worker says about one network."""

    number: int
    text: str
    layers: list[Any]
    parameters: int
    macs: int
    state: str
    error: int | None
    curve: list[list[float]]


def begin_trials(*, upload: UUID, token: str, terms: Terms) -> Upload:
    """Have a few networks trained on a ready upload under a manifest of these terms; replaces earlier ones.

    Raises: UploadUnknown, WrongUploadState, what build_manifest raises, NoWorker without a broker.
    """
    params = chain.get_params()
    secret = secrets.token_urlsafe(24)
    with database.atomic():
        row = lock_upload(upload, token)
        if row.state != UploadState.READY:
            raise WrongUploadState(row.state, "ready")
        _, manifest = build_manifest(row, terms, params)
        row.trials.all().delete()
        row.manifest = manifest.decode()
        row.trial_token_hash = hash_token(secret)
        row.trials_asked_at = timezone.now()
        row.save()
    request = {
        "upload": str(row.id),
        "token": secret,
        "manifest": row.manifest,
        "grammar": str((chain.get_entry("active/grammar") or {})["content"]),
        "network": params.network,
        "parameters": params.to_json(),
        "networks": settings.COINAI_DRY_RUN_NETWORKS,
        "seconds": float(settings.COINAI_DRY_RUN_SECONDS),
    }
    try:
        current_app.send_task(
            DRY_RUN_TASK,
            kwargs={"site_url": settings.COINAI_SITE_URL, "request": request},
            queue=QUEUE,
            expires=EXPIRES_SECONDS,
            ignore_result=True,
            retry=False,
        )
    except OperationalError as error:
        raise NoWorker from error
    return row


def record_trial(*, upload: UUID, token: str, report: TrialReport) -> Trial:
    """Keep what the worker of a dry run reports. Raises: UploadUnknown, BadReport."""
    _check(report)
    with database.atomic():
        row = Upload.objects.select_for_update().filter(id=upload).first()
        if row is None or not secrets.compare_digest(row.trial_token_hash, hash_token(token)):
            raise UploadUnknown
        trial, _ = Trial.objects.update_or_create(
            upload=row,
            number=report.number,
            defaults={
                "text": report.text,
                "layers": report.layers,
                "parameters": report.parameters,
                "macs": report.macs,
                "state": report.state,
                "error": report.error,
                "curve": report.curve[:: math.ceil(len(report.curve) / MAX_POINTS) or 1],
            },
        )
    return trial


def _check(report: TrialReport) -> None:
    networks = settings.COINAI_DRY_RUN_NETWORKS
    if not 0 <= report.number < networks:
        raise BadReport(f"there are networks 0 to {networks - 1}, not {report.number}")
    if report.state not in STATES:
        raise BadReport(f"the state must be one of {', '.join(STATES)}")
    if "\\u0000" in json.dumps(report.layers):
        raise BadReport("the layers have a character that nothing can keep")
    for point in report.curve:
        if len(point) != 4 or not all(math.isfinite(value) for value in point):
            raise BadReport("a point is four numbers: seconds, step, loss, error")
