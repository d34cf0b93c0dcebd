"""Checking the whole chain again, from its blocks and objects alone (`manage.py verifychain`).

Nothing that the node wrote down is believed: the ledger is made again from block 0 in a temporary table, and
what the node keeps is held against it. Other apps register what they keep with `register_projection`.
"""

from apps.chain.verification.findings import Checked, Disagreement, Findings, Incomplete, Progress
from apps.chain.verification.projections import Projection, register_projection
from apps.chain.verification.verify import Wanted, verify_chain

__all__ = [
    "Checked",
    "Disagreement",
    "Findings",
    "Incomplete",
    "Progress",
    "Projection",
    "Wanted",
    "register_projection",
    "verify_chain",
]
