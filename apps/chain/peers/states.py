"""How far this node has caught up, by which mode, and what its clock is worth: the row SyncState."""

import functools
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.utils import timezone

from apps.chain.models import Block, SyncState
from apps.chain.selectors import get_params, get_tip

CHECKPOINTS: Final[dict[str, tuple[int, str]]] = {}
"""Shipped with the software, by network: height and hash. None yet: no network is old enough."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A pinned block: in the mode ``assumed`` the models of those up to it are not scored again."""

    height: int
    hash: str


@functools.lru_cache(maxsize=8)
def _parse(text: str, network: str) -> Checkpoint | None:
    if text:
        height, _, name = text.partition(":")
        return Checkpoint(int(height), name)
    shipped = CHECKPOINTS.get(network)
    return None if shipped is None else Checkpoint(*shipped)


def get_checkpoint() -> Checkpoint | None:
    """The pinned block: of COINAI_CHECKPOINT, else the one that ships with the software, if any."""
    return _parse(settings.COINAI_CHECKPOINT, get_params().network)


def needs_model(block: Block) -> bool:
    """Whether its model is scored here: in the mode ``full`` every one, else those above the checkpoint."""
    checkpoint = get_checkpoint()
    return settings.COINAI_SYNC == "full" or checkpoint is None or block.height > checkpoint.height


def get_state() -> SyncState:
    """The row; what it says of a node that was never connected when it is not there."""
    return SyncState.objects.filter(id=1).first() or get_default_state()


def get_default_state() -> SyncState:
    """What the row says before the node's first start."""
    return SyncState(mode=settings.COINAI_SYNC)


def is_synchronised() -> bool:
    """Whether a block may count as late here (§5): not while this node catches up."""
    found = SyncState.objects.filter(id=1).values_list("is_synchronised", flat=True).first()
    return True if found is None else bool(found)


def may_publish() -> bool:
    """Whether a block made here now is of use: the clock is right, and no longer chain is on its way."""
    state = get_state()
    is_behind = not state.is_synchronised and state.best_height > get_tip().height
    return state.is_clock_right and not is_behind


def save_state(**values: object) -> None:
    """Write some of the row's fields."""
    written = {**values, "mode": settings.COINAI_SYNC, "updated_at": timezone.now()}
    if not SyncState.objects.filter(id=1).update(**written):
        SyncState.objects.update_or_create(id=1, defaults=written)
