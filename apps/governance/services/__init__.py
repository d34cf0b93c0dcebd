"""What the app does: one function a use case."""

from apps.governance.services.uploads import (
    ask_conversion,
    begin_upload,
    convert_upload,
    delete_upload,
    drop_old_uploads,
    receive_piece,
)

__all__ = [
    "ask_conversion",
    "begin_upload",
    "convert_upload",
    "delete_upload",
    "drop_old_uploads",
    "receive_piece",
]
