"""What the pool writes down when the chain connects or disconnects a block, inside that transaction."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.dispatch import receiver

from apps.chain.api import block_connected, block_disconnected, get_params
from apps.pool.models import Publication, RewardState
from apps.pool.services import books, revoke_worker
from apps.wallet.api import worker_key_revoked
from protocol.blocks import Block as BlockContents
from protocol.commitment import Change
from protocol.encoding import JsonValue
from protocol.transactions import SignedTransaction, Transfer, compute_debit


@receiver(block_connected)
def note_connected(
    *,
    block: Any,
    contents: BlockContents,
    changes: Sequence[Change],
    **kwargs: Any,  # noqa: ARG001
) -> None:
    """One of our blocks is in the chain, or the reward of one was unlocked or burnt in this one."""
    if Publication.objects.filter(block=block.hash).update(connected=True):
        books.note_connected(block=block.hash, height=block.height, address=block.miner, reward=block.reward)
    for height, address, amount in list_gone_rewards(changes):
        is_paid = compute_income(address, contents, changes) >= amount
        state = RewardState.UNLOCKED if is_paid else RewardState.BURNT
        books.note_reward(height=height, address=address, state=state)


@receiver(block_disconnected)
def note_disconnected(*, block: Any, changes: Sequence[Change], **kwargs: Any) -> None:  # noqa: ARG001
    """A reorganisation took one of our blocks out of the chain, or locked a reward again."""
    for height, address, _ in list_gone_rewards(changes):
        books.note_reward(height=height, address=address, state=RewardState.LOCKED)
    if Publication.objects.filter(block=block.hash).update(connected=False):
        books.note_disconnected(block=block.hash)


@receiver(worker_key_revoked)
def note_revoked(*, worker_key: Any, **kwargs: Any) -> None:  # noqa: ARG001
    """A wallet has taken a worker key back: its leases end in the same transaction."""
    revoke_worker(token_key=worker_key.worker)


def list_gone_rewards(changes: Iterable[Change]) -> Iterator[tuple[int, str, int]]:
    """The locked rewards that a block has removed: (height, address, amount)."""
    for change in changes:
        family, _, height = change.key.partition("/")
        if family == "reward" and change.before is not None and change.after is None:
            yield int(height), str(change.before["address"]), int(str(change.before["amount"]))


def compute_income(address: str, contents: BlockContents, changes: Iterable[Change]) -> int:
    """What an account got in a block otherwise than by its transactions: an unlocked reward arrives so.

    This tells a reward that was paid out from one that was burnt, whatever rule did it.
    """
    params, income = get_params(), 0
    for change in changes:
        if change.key == f"account/{address}":
            income += _balance(change.after) - _balance(change.before)
    for item in contents.transactions:
        if not isinstance(item, SignedTransaction):
            continue
        if item.sender == address:
            income += compute_debit(item.body, params) + item.fee
        if isinstance(item.body, Transfer):
            income -= sum(output.amount for output in item.body.outputs if output.to == address)
    return income


def _balance(entry: Mapping[str, JsonValue] | None) -> int:
    return 0 if entry is None else int(str(entry["balance"]))
