"""Writes of the pool: one public function a use case, its transaction inside, each safe to run twice."""

from apps.pool.services.books import settle_receipts
from apps.pool.services.housekeeping import prune
from apps.pool.services.leases import (
    Offer,
    Renewal,
    accept_hello,
    create_lease,
    expire_leases,
    finish_lease,
    mark_dispatched,
    plan_leases,
    record_heartbeat,
    requeue_leases,
    take_back_dispatch,
)
from apps.pool.services.members import change_member, ensure_member
from apps.pool.services.payouts import follow_payouts, prepare_payouts, renew_payouts
from apps.pool.services.publishing import publish, settle_publications
from apps.pool.services.submissions import receive_model, verify_next, verify_submission
from apps.pool.services.templates import open_template, set_target, void_epochs

__all__ = [
    "Offer",
    "Renewal",
    "accept_hello",
    "change_member",
    "create_lease",
    "ensure_member",
    "expire_leases",
    "finish_lease",
    "follow_payouts",
    "mark_dispatched",
    "open_template",
    "plan_leases",
    "prepare_payouts",
    "prune",
    "publish",
    "receive_model",
    "record_heartbeat",
    "renew_payouts",
    "requeue_leases",
    "set_target",
    "settle_publications",
    "settle_receipts",
    "take_back_dispatch",
    "verify_next",
    "verify_submission",
    "void_epochs",
]
