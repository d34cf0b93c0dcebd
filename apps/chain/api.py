"""The chain's public face: the only module of this app that other apps import."""

from apps.chain.candidates import submit_candidate as _submit_candidate
from apps.chain.contents import derive as derive_nonce
from apps.chain.contents import get_architecture, get_data_set, get_data_set_id, get_grammar, get_problem
from apps.chain.fees import compute_transfer_fee, suggest_fees
from apps.chain.genesis import PUBLIC_SECRETS
from apps.chain.mempool import list_in_order, recheck_all, submit_transaction
from apps.chain.models import Block, BlockTransaction, Transaction
from apps.chain.past import compute_randomness
from apps.chain.peers.offences import ban as ban_peer
from apps.chain.peers.offences import lift_bans
from apps.chain.peers.reading import (
    BanView,
    MissingView,
    PeerView,
    PropagationView,
    SyncView,
    check_clock,
    count_peers,
    get_sync,
    list_bans,
    list_missing,
    list_peers,
    list_propagation,
)
from apps.chain.peers.states import may_publish
from apps.chain.pending import get_pending, list_waiting
from apps.chain.references import hold_ledger
from apps.chain.rounds import (
    RoundView,
    candidate_to_json,
    get_round,
    list_candidates,
    round_to_json,
    to_header,
)
from apps.chain.schemas import LayerOut
from apps.chain.scoring import score_model
from apps.chain.selectors import (
    count_mempool,
    get_accounts,
    get_block,
    get_block_at,
    get_entries,
    get_entry,
    get_family,
    get_genesis,
    get_genesis_hash,
    get_params,
    get_position,
    get_raw,
    get_supply,
    get_tip,
    get_transaction,
    list_blocks,
    list_blocks_of,
    list_blocks_of_model,
    list_children,
    list_entries,
    list_held,
    list_locked,
    list_mempool,
    list_transactions,
)
from apps.chain.serializers import (
    block_detail,
    block_summary,
    list_txids,
    transaction_json,
    transaction_summary,
)
from apps.chain.signals import block_connected, block_disconnected, candidate_received
from apps.chain.storage_index import Holdings, summarise_holdings
from apps.chain.store import read_changes
from apps.chain.templates import Template, build_template
from apps.chain.verification import Checked, Disagreement, Projection, register_projection


def submit_candidate(raw: bytes, *, now: float | None = None) -> Block:
    """Take a block from outside: cheap checks, its row, the node woken. The same one again changes nothing.

    Raises a ProtocolError that says what is wrong with it.
    """
    return _submit_candidate(raw=raw, now=now)


__all__ = [
    "PUBLIC_SECRETS",
    "BanView",
    "Block",
    "BlockTransaction",
    "Checked",
    "Disagreement",
    "Holdings",
    "LayerOut",
    "MissingView",
    "PeerView",
    "Projection",
    "PropagationView",
    "RoundView",
    "SyncView",
    "Template",
    "Transaction",
    "ban_peer",
    "block_connected",
    "block_detail",
    "block_disconnected",
    "block_summary",
    "build_template",
    "candidate_received",
    "candidate_to_json",
    "check_clock",
    "compute_randomness",
    "compute_transfer_fee",
    "count_mempool",
    "count_peers",
    "derive_nonce",
    "get_accounts",
    "get_architecture",
    "get_block",
    "get_block_at",
    "get_data_set",
    "get_data_set_id",
    "get_entries",
    "get_entry",
    "get_family",
    "get_genesis",
    "get_genesis_hash",
    "get_grammar",
    "get_params",
    "get_pending",
    "get_position",
    "get_problem",
    "get_raw",
    "get_round",
    "get_supply",
    "get_sync",
    "get_tip",
    "get_transaction",
    "hold_ledger",
    "lift_bans",
    "list_bans",
    "list_blocks",
    "list_blocks_of",
    "list_blocks_of_model",
    "list_candidates",
    "list_children",
    "list_entries",
    "list_held",
    "list_in_order",
    "list_locked",
    "list_mempool",
    "list_missing",
    "list_peers",
    "list_propagation",
    "list_transactions",
    "list_txids",
    "list_waiting",
    "may_publish",
    "read_changes",
    "recheck_all",
    "register_projection",
    "round_to_json",
    "score_model",
    "submit_candidate",
    "submit_transaction",
    "suggest_fees",
    "summarise_holdings",
    "to_header",
    "transaction_json",
    "transaction_summary",
]
