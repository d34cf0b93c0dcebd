"""How pages name keepers, audits and replicas, and transactions that are about them."""

from collections.abc import Collection
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.chain import api as chain
from apps.common.formats import group_digits
from apps.common.templatetags.coinai import hash_link
from apps.storage import words
from apps.storage.models import Audit, KeeperEvent, Replica
from apps.storage.replicas import get_object
from protocol.encoding import decode
from protocol.transactions import Keeper, SignedTransaction, StorageProof, parse_transaction

register = template.Library()


@register.filter
def keeper_kind(state: str) -> str:
    """The state that stands for a keeper's."""
    return words.STATES[state][0]


@register.filter
def outcome_kind(outcome: str) -> str:
    """The state that stands for an audit's outcome."""
    return words.OUTCOMES[outcome][0]


@register.filter
def event_words(row: KeeperEvent) -> str:
    """A turn in a keeper's life in words."""
    return words.describe_event(row)


@register.filter
def ending_words(row: Replica) -> str:
    """Why a replica is no more."""
    return words.describe_ending(row)


@register.simple_tag
def keeper_link(address: str) -> SafeString:
    """A keeper's address, shortened, with a link to its page and a button to copy it."""
    return hash_link(address, f"/keepers/{address}/", what="address")


@register.simple_tag
def audit_link(row: Audit) -> SafeString:
    """An audit by its block and number."""
    return format_html(
        '<a class="num" href="/audits/{}/{}/">{}/{}</a>',
        row.height,
        row.number,
        group_digits(row.height),
        row.number,
    )


@register.simple_tag
def object_link(object_id: str, models: Collection[str]) -> SafeString:
    """A stored object, shortened, with a link to its page if it is one of ``models``, else to its audits."""
    url = f"/models/{object_id}/" if object_id in models else f"/audits/?object={object_id}"
    return hash_link(object_id, url, what="object id")


@register.inclusion_tag("storage/_replicas.html")
def replicas(object_id: str) -> dict[str, Any]:
    """Who holds a model or a data set, for the page about it."""
    view = get_object(object_id) if object_id else None
    return {
        "object": object_id,
        "view": view,
        "sentence": words.describe_holding(view) if view else "",
    }


@register.simple_tag
def storage_words(row: chain.Transaction) -> SafeString | str:
    """What a keeper's transaction sets or proves, as a sentence with links; else nothing."""
    if row.kind not in (Keeper.kind, StorageProof.kind):
        return ""
    contents = parse_transaction(decode(bytes(row.raw), max_bytes=chain.get_params().max_block_bytes))
    body = contents.body if isinstance(contents, SignedTransaction) else None
    if isinstance(body, Keeper):
        return words.describe_offer(body)
    if isinstance(body, StorageProof):
        return format_html(
            'It answers <a href="/audits/{}/{}/">audit {}/{}</a> with a chunk of {} bytes.',
            body.height,
            body.number,
            group_digits(body.height),
            body.number,
            group_digits(len(body.data)),
        )
    return ""
