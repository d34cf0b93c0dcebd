"""Uploads: received in pieces that may be sent again, converted by a task, dropped when nobody needs them."""

import os
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction as database
from django.db.models import Sum
from django.utils import timezone

from apps.chain import api as chain
from apps.common import object_store
from apps.governance import selectors
from apps.governance.conversion.convert import Converted, convert, get_limits
from apps.governance.conversion.examples import Options
from apps.governance.errors import (
    TooManyUploads,
    UploadTooLarge,
    UploadUnknown,
    WrongOffset,
    WrongUploadState,
)
from apps.governance.models import Upload, UploadState
from protocol.crypto import sha3_256
from protocol.errors import ProtocolError

CONVERT_TASK: Final = "governance.convert_upload"
PIECE_BYTES: Final = 4 * 2**20
"""Largest piece; a lost connection costs no more than one."""
UPLOADS_OF_ONE: Final = 8
KEPT: Final = timedelta(hours=24)
"""How long an upload waits for its sender's next step."""
_QUOTA_FACTOR: Final = 8
"""All uploads together may take this many times the largest one."""

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Begun:
    """A new upload, with the token that only its sender gets."""

    upload: Upload
    token: str


def begin_upload(*, filename: str, size: int, client: str) -> Begun:
    """Make room for a file of ``size`` bytes. Raises: UploadTooLarge, TooManyUploads."""
    limit = max_upload_bytes()
    if size > limit:
        raise UploadTooLarge("Bytes of the file", size, limit)
    with database.atomic():
        # One that only waits for its proposal's end has lost its file already, and is nobody's burden.
        waiting = Upload.objects.exclude(state=UploadState.REFUSED).filter(changed_at__gt=_oldest())
        mine = waiting.filter(client=client).count()
        if mine >= UPLOADS_OF_ONE:
            raise TooManyUploads(f"You have {mine} uploads here, the most that one sender may have")
        held = waiting.aggregate(total=Sum("bytes"))["total"] or 0
        if held + size > _QUOTA_FACTOR * limit:
            raise TooManyUploads("There is no room for more uploads at the moment")
        token = secrets.token_urlsafe(24)
        upload = Upload.objects.create(
            token_hash=hash_token(token), client=client, filename=filename[:200], bytes=size
        )
    return Begun(upload, token)


def receive_piece(*, upload: UUID, token: str, offset: int, data: bytes) -> Upload:
    """Add a piece at ``offset``, which is where the last one ended; the same piece again changes nothing.

    Raises: UploadUnknown, WrongUploadState, WrongOffset, UploadTooLarge.
    """
    with database.atomic():
        row = lock_upload(upload, token)
        if row.state != UploadState.RECEIVING:
            raise WrongUploadState(row.state, "receiving")
        if offset + len(data) <= row.received:
            return row  # sent again after a lost answer
        if offset != row.received:
            raise WrongOffset(offset, row.received)
        if offset + len(data) > row.bytes:
            raise UploadTooLarge("Bytes of the file", offset + len(data), row.bytes)
        path = get_path(row.id)
        path.parent.mkdir(parents=True, exist_ok=True)
        # The row is what counts: bytes beyond it, of a piece that was never acknowledged, are cut off.
        with path.open("r+b" if path.exists() else "w+b") as file:
            file.truncate(offset)
            file.seek(offset)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        row.received = offset + len(data)
        row.save(update_fields=["received", "changed_at"])
    return row


def ask_conversion(*, upload: UUID, token: str, options: Options) -> Upload:
    """Have a complete upload converted; again, with other options, when it was converted before.

    Raises: UploadUnknown, WrongUploadState.
    """
    with database.atomic():
        row = lock_upload(upload, token)
        if row.state == UploadState.READY and not get_path(row.id).exists():
            raise UploadUnknown  # proposed long ago: only the data set is left
        if not row.is_complete or row.state not in (UploadState.RECEIVING, UploadState.READY):
            raise WrongUploadState(
                row.state if row.is_complete else "not complete", "complete and not in conversion"
            )
        row.state = UploadState.QUEUED
        row.options = asdict(options)
        row.save()
        database.on_commit(lambda: _send(row.id))
    return row


def convert_upload(*, upload: UUID) -> None:
    """Convert a queued upload; run by a task, safe to run twice. A file that cannot be used is dropped."""
    # Only one of two runs of the same message gets the row; one that died half-way is taken over.
    taken = Upload.objects.filter(id=upload, state__in=[UploadState.QUEUED, UploadState.CONVERTING]).update(
        state=UploadState.CONVERTING, changed_at=timezone.now()
    )
    if not taken:
        return
    row = Upload.objects.get(id=upload)
    try:
        converted = convert(get_path(row.id), Options(**row.options), get_limits(chain.get_params()))
    except ProtocolError as error:
        _refuse(row, error)
        return
    _keep(row, converted)


def delete_upload(*, upload: UUID, token: str) -> None:
    """Drop an upload and all that came of it, but what the chain needs. Raises: UploadUnknown."""
    with database.atomic():
        _drop(lock_upload(upload, token))


def drop_old_uploads() -> int:
    """Drop uploads that nobody touched for a day, but what is proposed; returns how many."""
    return sum(_drop(row) for row in Upload.objects.filter(changed_at__lt=_oldest()))


def max_upload_bytes() -> int:
    """The largest file that is taken: tables of text are larger than the data set that they become."""
    return 2 * chain.get_params().max_data_bytes


def hash_token(token: str) -> str:
    """What is stored of a token."""
    return sha3_256(b"coinai/upload\n" + token.encode()).hex()


def get_path(upload: UUID) -> Path:
    """Where the bytes of an upload lie."""
    return Path(settings.COINAI_HOME) / "uploads" / str(upload)


def lock_upload(upload: UUID, token: str) -> Upload:
    """The row of an upload, locked until the transaction ends. Raises: UploadUnknown for a wrong token."""
    row = Upload.objects.select_for_update().filter(id=upload).first()
    if row is None or not secrets.compare_digest(row.token_hash, hash_token(token)):
        raise UploadUnknown
    return row


def _oldest() -> datetime:
    return timezone.now() - KEPT


def _send(upload: UUID) -> None:
    from celery import current_app

    current_app.send_task(CONVERT_TASK, kwargs={"upload": str(upload)}, ignore_result=True)


def _refuse(row: Upload, error: ProtocolError) -> None:
    logger.info("upload_refused", upload=str(row.id), code=error.code)
    Upload.objects.filter(id=row.id).update(
        state=UploadState.REFUSED,
        refused_code=error.code,
        refused_detail=error.detail,
        changed_at=timezone.now(),
    )
    get_path(row.id).unlink(missing_ok=True)
    _drop_data([row.data])


def _keep(row: Upload, converted: Converted) -> None:
    before = row.data
    data = object_store.put(converted.data)
    kept = Upload.objects.filter(id=row.id, state=UploadState.CONVERTING).update(
        state=UploadState.READY,
        data=data,
        data_bytes=len(converted.data),
        shape=list(converted.shape),
        conversion=converted.conversion,
        report=converted.report,
        changed_at=timezone.now(),
    )
    _drop_data([before] if kept else [data])


def _drop(row: Upload) -> bool:
    """Drop file, row and data set. While a proposal names the data, only the file: without the row, nobody
    would look at the data again.
    """
    path, data = get_path(row.id), row.data  # a deleted row forgets its id
    path.unlink(missing_ok=True)
    if selectors.is_data_proposed(data):
        return False
    row.delete()
    _drop_data([data])
    return True


def _drop_data(ids: Iterable[str]) -> None:
    """Remove data sets that neither the chain nor another upload names."""
    for data in ids:
        if data and not selectors.is_data_needed(data):
            object_store.remove(data)
