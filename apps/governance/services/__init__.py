"""What the app does: one function a use case."""

from apps.governance.services.trials import TrialReport, begin_trials, record_trial
from apps.governance.services.uploads import (
    ask_conversion,
    begin_upload,
    convert_upload,
    delete_upload,
    drop_old_uploads,
    receive_piece,
)

__all__ = [
    "TrialReport",
    "ask_conversion",
    "begin_trials",
    "begin_upload",
    "convert_upload",
    "delete_upload",
    "drop_old_uploads",
    "receive_piece",
    "record_trial",
]
