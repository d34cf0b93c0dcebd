"""Writes of the pool: one public function a use case, its transaction inside, each safe to run twice."""

from apps.pool.services.books import settle_receipts
from apps.pool.services.claims import Wish, claim_leases, resume_lease
from apps.pool.services.heartbeats import Beat, Renewal, record_heartbeat, record_heartbeats
from apps.pool.services.housekeeping import prune
from apps.pool.services.leases import (
    Offer,
    accept_hello,
    create_lease,
    expire_leases,
    finish_lease,
    mark_dispatched,
    plan_leases,
    requeue_leases,
    take_back_dispatch,
)
from apps.pool.services.members import change_member, ensure_member
from apps.pool.services.payouts import follow_payouts, prepare_payouts, renew_payouts
from apps.pool.services.publishing import publish, settle_publications
from apps.pool.services.submissions import receive_model, verify_next, verify_submission
from apps.pool.services.templates import open_template, set_target, void_epochs
from apps.pool.services.workers import Welcome, check_permit, enrol_worker, revoke_worker, welcome_worker

__all__ = [
    "Beat",
    "Offer",
    "Renewal",
    "Welcome",
    "Wish",
    "accept_hello",
    "change_member",
    "check_permit",
    "claim_leases",
    "create_lease",
    "enrol_worker",
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
    "record_heartbeats",
    "renew_payouts",
    "requeue_leases",
    "resume_lease",
    "revoke_worker",
    "set_target",
    "settle_publications",
    "settle_receipts",
    "take_back_dispatch",
    "verify_next",
    "verify_submission",
    "void_epochs",
    "welcome_worker",
]
