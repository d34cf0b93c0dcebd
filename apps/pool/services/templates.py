"""Templates: a block waiting for its model, opened on the tip and voided when the tip moves."""

from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.chain import api as chain
from apps.pool import live
from apps.pool.models import (
    ACTIVE_LEASE_STATES,
    ACTIVE_RUN_STATES,
    Lease,
    LeaseState,
    Run,
    RunState,
    Template,
    TemplateStatus,
)
from apps.pool.selectors import get_target_error
from apps.pool.services.shares import open_point_table
from apps.pool.store import write_body
from protocol.params import ChainParams

MAX_NONCE = 2**53
"""Nonces are below this (docs/protocol.md §3)."""


@dataclass(frozen=True, slots=True)
class Voided:
    """What a new tip made worthless."""

    epochs: tuple[int, ...]
    parents: tuple[str, ...]
    leases: int


def compute_nonce_limit(params: ChainParams, signed_transactions: int) -> int:
    """How many nonces a block with so many signed transactions has (docs/protocol.md §3)."""
    if params.nonces_per_transaction == 0:
        return MAX_NONCE
    return min(MAX_NONCE, params.nonces_per_transaction * (1 + signed_transactions))


def open_template(*, key: bytes, now: float | None = None) -> Template:
    """Open a template on the tip for the round that runs at ``now`` (unix seconds; default: this moment),
    paying ``key``; the one that is open stays if nothing has changed.

    With other transactions on the same parent the old template is replaced, and its leases and models stay
    good; with another parent or other contents it is void. Raises what `chain.build_template` raises.
    """
    draft = chain.build_template(key, now=now)
    body = write_body(draft.transactions)
    limit = compute_nonce_limit(chain.get_params(), len(draft.transactions) - 1)
    with transaction.atomic():
        _void(~_same_work(draft.parent, draft.problem, draft.grammar))
        same = Template.objects.filter(
            parent=draft.parent, transactions_root=draft.transactions_root, state=draft.state
        ).first()
        if same is not None and same.status == TemplateStatus.OPEN:
            return same
        Template.objects.filter(status=TemplateStatus.OPEN).update(status=TemplateStatus.REPLACED)
        if same is not None:  # back after a reorganisation, or the transactions are the old ones again
            same.status = TemplateStatus.OPEN
            same.save(update_fields=["status"])
            return same
        return Template.objects.create(
            parent=draft.parent,
            height=draft.height,
            key=key.hex(),
            transactions_root=draft.transactions_root,
            body=body,
            state=draft.state,
            problem=draft.problem,
            grammar=draft.grammar,
            nonce_limit=limit,
            target_error=get_target_error(draft.parent, draft.problem, floor=None),
            point_table=open_point_table(problem=draft.problem, grammar=draft.grammar),
        )


def void_epochs(*, parent: str, problem: str, grammar: str) -> Voided:
    """Void all templates, with leases and runs, but those on ``parent`` with these contents.

    Models that have come in stay: they may still be shares.
    """
    with transaction.atomic():
        return _void(~_same_work(parent, problem, grammar))


def set_target(*, parent: str, target_error: int) -> bool:
    """Say that only models below ``target_error`` are of use on ``parent``. True when that is news."""
    changed = Template.objects.filter(parent=parent).exclude(target_error=target_error)
    return changed.update(target_error=target_error) > 0


def _same_work(parent: str, problem: str, grammar: str) -> Q:
    return Q(parent=parent, problem=problem, grammar=grammar)


def _void(which: Q) -> Voided:
    templates = list(
        Template.objects.select_for_update(no_key=True).exclude(status=TemplateStatus.VOID).filter(which)
    )
    epochs = tuple(template.epoch for template in templates)
    if not epochs:
        return Voided((), (), 0)
    now = timezone.now()
    Template.objects.filter(epoch__in=epochs).update(status=TemplateStatus.VOID)
    # Leases before runs, like a heartbeat: the two never wait for each other in a circle.
    leases = Lease.objects.filter(template_id__in=epochs, state__in=ACTIVE_LEASE_STATES)
    voided = leases.update(state=LeaseState.VOID, ended_at=now)
    runs = list(Run.objects.filter(lease__template_id__in=epochs, state__in=ACTIVE_RUN_STATES))
    Run.objects.filter(id__in=[run.id for run in runs]).update(state=RunState.CANCELLED, updated_at=now)
    live.announce_runs([run.id for run in runs])
    return Voided(epochs, tuple({template.parent for template in templates}), voided)
