"""Transactions: their kinds, strict reading, and the checks that need no ledger (docs/protocol.md §2).

A kind is a body dataclass with a class variable ``kind``, a ``check``, a ``compute_debit``, and a strict
reader; `envelope` lists the readers. Kinds that are not there are refused.
"""

from protocol.transactions.envelope import (
    KINDS,
    REWARD,
    Body,
    Reward,
    SignedTransaction,
    Transaction,
    check_reward,
    check_transaction,
    compute_debit,
    parse_transaction,
    sign_transaction,
)
from protocol.transactions.governance import SUBJECTS, Propose, Support, Withdraw, compute_deposit
from protocol.transactions.storage import Keeper, Leave, StorageProof, compute_bond
from protocol.transactions.transfers import Output, Transfer

__all__ = [
    "KINDS",
    "REWARD",
    "SUBJECTS",
    "Body",
    "Keeper",
    "Leave",
    "Output",
    "Propose",
    "Reward",
    "SignedTransaction",
    "StorageProof",
    "Support",
    "Transaction",
    "Transfer",
    "Withdraw",
    "check_reward",
    "check_transaction",
    "compute_bond",
    "compute_debit",
    "compute_deposit",
    "parse_transaction",
    "sign_transaction",
]
