"""Reads of governance, for pages and API."""

from uuid import UUID

from apps.chain import api as chain
from apps.governance.errors import UploadUnknown, WrongUploadState
from apps.governance.models import Proposal, Upload, UploadState
from protocol.encoding import decode
from protocol.transactions import Propose, SignedTransaction, parse_transaction


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
    """Whether a data set is the chain's, a proposal's, or that of an upload that still waits."""
    if chain.get_entry(f"object/{data}") is not None:
        return True
    if data == chain.get_problem(chain.get_genesis().problem).data:
        return True
    # What was ever active is needed for as long as somebody may check the blocks that were mined on it.
    if Proposal.objects.filter(data=data).exclude(active_height=None).exists():
        return True
    return is_data_proposed(data) or Upload.objects.filter(data=data).exists()


def is_data_proposed(data: str) -> bool:
    """Whether an open, pending or active proposal names a data set, or one that waits in the mempool."""
    if not data:
        return False
    return Proposal.objects.filter(data=data, ended_height=None).exists() or data in _list_waiting_data()


def _list_waiting_data() -> set[str]:
    """The data sets that proposals in the mempool name."""
    params = chain.get_params()
    waiting = chain.Transaction.objects.filter(
        kind=Propose.kind, status=chain.Transaction.Status.PENDING
    ).values_list("raw", flat=True)
    found = set()
    for raw in waiting:
        contents = parse_transaction(decode(bytes(raw), max_bytes=params.max_block_bytes))
        if isinstance(contents, SignedTransaction) and isinstance(contents.body, Propose):
            found.add(contents.body.read_data(params)[0])
    return found
