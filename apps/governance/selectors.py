"""Reads of governance, for pages and API."""

from uuid import UUID

from apps.chain import api as chain
from apps.governance.errors import UploadUnknown, WrongUploadState
from apps.governance.models import Upload, UploadState


def get_upload(upload: UUID) -> Upload:
    """An upload by its id, which is hard to guess and shows no secret. Raises: UploadUnknown."""
    row = Upload.objects.filter(id=upload).first()
    if row is None:
        raise UploadUnknown
    return row


def get_ready_upload(upload: UUID) -> Upload:
    """A converted upload. Raises: UploadUnknown, WrongUploadState."""
    row = get_upload(upload)
    if row.state != UploadState.READY:
        raise WrongUploadState(row.state, "ready")
    return row


def is_data_needed(data: str) -> bool:
    """Whether a data set is the chain's, or that of an upload that still waits."""
    if chain.get_entry(f"object/{data}") is not None:
        return True
    if data == chain.get_problem(chain.get_genesis().problem).data:
        return True
    return Upload.objects.filter(data=data).exists()
