"""How pages name proposals, and transactions that are about them."""

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.chain import api as chain
from apps.common import formats
from apps.governance.models import Proposal
from apps.governance.words import STATES
from protocol.encoding import decode
from protocol.transactions import Propose, SignedTransaction, Support, Withdraw, parse_transaction

register = template.Library()

KINDS = {
    "transfer": "transfer",
    "reward": "reward",
    "propose": "proposal",
    "support": "support",
    "withdraw": "support taken back",
    "keeper": "keeper's bond",
    "leave": "keeper leaves",
    "storage_proof": "proof of storage",
}


@register.filter
def kind_words(kind: str) -> str:
    """A kind of transaction in words."""
    return KINDS.get(kind, kind)


@register.filter
def odds(ppm: int | None) -> str:
    """Odds in parts per million: ``12.4%``."""
    return "–" if ppm is None else "0%" if ppm == 0 else formats.format_percent(ppm)


@register.filter
def status_kind(status: str) -> str:
    """The state that stands for a proposal's status."""
    return STATES[status][0]


@register.filter
def status_word(status: str) -> str:
    """A proposal's status as a word."""
    return STATES[status][1]


@register.simple_tag
def proposal_link(txid: str) -> SafeString:
    """A proposal by its title; by its id while no block holds it."""
    row = Proposal.objects.filter(txid=txid).only("title").first()
    if row is None:
        return format_html('<a class="mono" href="/transactions/{}/">{}</a>', txid, formats.shorten(txid))
    return format_html('<a href="{}">«{}»</a>', reverse("governance:proposal_detail", args=[txid]), row.title)


@register.simple_tag
def transaction_about(row: chain.Transaction) -> SafeString | str:
    """The proposal that a transaction opens, supports or no longer supports, as a link; else nothing."""
    if row.kind == "propose":
        return proposal_link(row.txid)
    if row.kind not in ("support", "withdraw"):
        return ""
    contents = parse_transaction(decode(bytes(row.raw), max_bytes=chain.get_params().max_block_bytes))
    if isinstance(contents, SignedTransaction) and isinstance(contents.body, Support | Withdraw):
        return proposal_link(contents.body.proposal)
    return ""


@register.simple_tag
def proposal_subject(row: chain.Transaction) -> str:
    """What a proposal's transaction is about: ``problem`` or ``grammar``."""
    contents = parse_transaction(decode(bytes(row.raw), max_bytes=chain.get_params().max_block_bytes))
    if isinstance(contents, SignedTransaction) and isinstance(contents.body, Propose):
        return contents.body.subject
    return ""
