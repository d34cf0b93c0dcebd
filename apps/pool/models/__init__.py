"""Rows of the pool: what is worked on, who works, and who is owed what."""

from apps.pool.models.leases import (
    ACTIVE_LEASE_STATES,
    ACTIVE_RUN_STATES,
    Int8Range,
    Lease,
    LeaseState,
    Publication,
    PublicationState,
    Run,
    RunState,
    Submission,
    SubmissionState,
    Template,
    TemplateStatus,
)

__all__ = [
    "ACTIVE_LEASE_STATES",
    "ACTIVE_RUN_STATES",
    "Int8Range",
    "Lease",
    "LeaseState",
    "Publication",
    "PublicationState",
    "Run",
    "RunState",
    "Submission",
    "SubmissionState",
    "Template",
    "TemplateStatus",
]
