"""The objects that the chain needs: of its blocks, of candidates that may still win, of its ledger, of what
waits in the mempool.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction as database
from django.db.models import Q
from django.dispatch import receiver

from apps.chain.contents import get_problem
from apps.chain.models import Block, LedgerEntry, Transaction
from apps.chain.selectors import get_genesis, get_params, get_tip
from apps.chain.store import lock_tip
from apps.common.references import needed_asked
from protocol.encoding import decode
from protocol.errors import ObjectMissing
from protocol.transactions import Propose, SignedTransaction, parse_transaction


@contextmanager
def hold_ledger() -> Iterator[None]:
    """While this lasts no block is connected, and neither a candidate nor a transaction is taken."""
    with database.atomic():
        lock_tip()
        yield


@receiver(needed_asked)
def list_needed(candidates: frozenset[str], **_kwargs: Any) -> set[str]:
    """The candidates that the chain needs."""
    contents = _list_contents()
    needed = set(candidates & (contents | _list_data(contents)))
    needed |= _list_models(candidates)
    keys = [f"object/{name}" for name in candidates]
    rows = LedgerEntry.objects.filter(key__in=keys).values_list("key", flat=True)
    return needed | {key.removeprefix("object/") for key in rows}


def _list_models(candidates: Iterable[str]) -> set[str]:
    """Models of the best chain, and of blocks that are not refused and that a reorganisation can reach."""
    oldest = get_tip().height - get_params().max_reorg
    alive = Q(canonical=True) | Q(height__gt=oldest) & ~Q(status=Block.Status.REFUSED)
    return set(Block.objects.filter(alive, model__in=list(candidates)).values_list("model", flat=True))


def _list_contents() -> set[str]:
    """Manifests and grammars: of genesis, of blocks that count or may count, of every proposal."""
    genesis = get_genesis()
    contents = {genesis.problem, genesis.grammar}
    for field in ("problem", "grammar"):
        contents.update(Block.objects.order_by().values_list(field, flat=True).distinct())
    entries = LedgerEntry.objects.filter(
        Q(key__startswith="active/") | Q(key__startswith="proposal/")
    ).values_list("value", flat=True)
    contents.update(str(value["content"]) for value in entries)
    return contents | {
        body.content_id for body in _list_proposals(Transaction.Status.PENDING, Transaction.Status.INCLUDED)
    }


def _list_data(contents: Iterable[str]) -> set[str]:
    """The data sets of manifests that blocks were or may be mined on, of open proposals, and of those that
    wait.
    """
    named = set(Block.objects.order_by().values_list("problem", flat=True).distinct())
    named.add(get_genesis().problem)
    data = set()
    for problem in named & set(contents):
        try:
            data.add(get_problem(problem).data)
        except ObjectMissing:  # a candidate's whose problem never came
            continue
    rows = LedgerEntry.objects.filter(key__startswith="proposal/").values_list("value", flat=True)
    data.update(str(value["data"]) for value in rows)
    params = get_params()
    waiting = _list_proposals(Transaction.Status.PENDING)
    return data | {body.read_data(params)[0] for body in waiting}


def _list_proposals(*statuses: str) -> Iterator[Propose]:
    """The bodies of proposals that stand so."""
    params = get_params()
    rows = Transaction.objects.filter(kind=Propose.kind, status__in=statuses)
    for raw in rows.values_list("raw", flat=True).iterator():
        contents = parse_transaction(decode(bytes(raw), max_bytes=params.max_block_bytes))
        if isinstance(contents, SignedTransaction) and isinstance(contents.body, Propose):
            yield contents.body
