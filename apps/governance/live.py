"""The live topic ``governance``: who is open with what odds, and when the next draws are."""

from typing import Any

from apps.chain import api as chain
from apps.common.live import register_snapshot
from apps.governance import standings
from apps.governance.serializers import next_draw_json, standing_json
from protocol.transactions import SUBJECTS


def read_governance() -> dict[str, Any]:
    """Height, the next draw and the open proposals of each subject; its deltas name what a block touched."""
    return {
        "height": chain.get_tip().height,
        "draws": [next_draw_json(standings.get_next_draw(subject)) for subject in SUBJECTS],
        "proposals": [
            standing_json(one) for subject in SUBJECTS for one in standings.list_standings(subject)
        ],
    }


def register_topics() -> None:
    """Called once, when the app is ready."""
    register_snapshot("governance", read_governance)
