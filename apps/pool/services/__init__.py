"""Writes of the pool: one public function a use case, its transaction inside, each safe to run twice."""

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
from apps.pool.services.publishing import publish, settle_publications
from apps.pool.services.submissions import receive_model, verify_next, verify_submission
from apps.pool.services.templates import open_template, set_target, void_epochs

__all__ = [
    "Offer",
    "Renewal",
    "accept_hello",
    "create_lease",
    "expire_leases",
    "finish_lease",
    "mark_dispatched",
    "open_template",
    "plan_leases",
    "prune",
    "publish",
    "receive_model",
    "record_heartbeat",
    "requeue_leases",
    "set_target",
    "settle_publications",
    "take_back_dispatch",
    "verify_next",
    "verify_submission",
    "void_epochs",
]
