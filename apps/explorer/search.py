"""Search for anything: a height, a date, the beginning of a hash, id or address, words of a title.

Every question costs a few short index searches, whatever is typed.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Q
from django.urls import reverse

from apps.chain import api as chain
from apps.common.formats import format_exact_time, format_percent, group_digits, shorten
from apps.explorer.models import AddressSummary, ContentSummary, ModelRecord
from apps.explorer.statistics import get_totals
from apps.pool import api as pool
from apps.storage import api as storage
from protocol.crypto import parse_address
from protocol.errors import ProtocolError

MOST_HITS = 10
MOST_OF_A_KIND = 4
LONGEST = 200
LEAST_HEX = 3
_HEX = re.compile(r"[0-9a-f]{3,64}")
_ADDRESS = re.compile(r"cai1[02-9ac-hj-np-z]{0,86}")
_DATE = re.compile(r"(\d{4})-(\d{1,2})(?:-(\d{1,2}))?(?:[ T](\d{1,2}):(\d{2})(?::(\d{2}))?)?(?: ?UTC|Z)?")


@dataclass(frozen=True, slots=True)
class Hit:
    """Something found: ``kind`` is block, transaction, address, member, keeper, model, problem or
    grammar."""

    kind: str
    id: str
    label: str
    detail: str
    url: str


def search(text: str, *, limit: int = MOST_HITS) -> Sequence[Hit]:
    """What a text may mean, the likeliest first, at most ``limit`` hits."""
    query = " ".join("".join(char for char in text[:LONGEST] if char.isprintable() or char == " ").split())
    if not query:
        return []
    found: list[Hit] = []
    for hit in _search(query):
        if (hit.kind, hit.id) not in {(one.kind, one.id) for one in found}:
            found.append(hit)
        if len(found) >= limit:
            break
    return found


def get_only_hit(text: str) -> Hit | None:
    """The one thing that a complete height, hash, id or address means: a search then goes straight to it."""
    query = text.strip().lower()
    is_complete = query.isdecimal() or re.fullmatch(r"[0-9a-f]{64}", query) or is_address(query)
    hits = search(query) if is_complete else []
    if query.isdecimal():
        hits = [
            hit for hit in hits if hit.kind == "block" and hit.label == f"Block {group_digits(int(query))}"
        ]
    hits = [hit for hit in hits if hit.kind not in ("member", "keeper")]  # their addresses' pages say more
    return hits[0] if len(hits) == 1 else None


def _search(query: str) -> Iterator[Hit]:
    lower = query.lower()
    number = lower.replace(" ", "").replace(",", "").removeprefix("#")
    if number.isascii() and number.isdecimal() and len(number) < 16:
        yield from _find_height(int(number))
    moment = parse_moment(query)
    if moment is not None:
        yield from _find_moment(moment)
    if _ADDRESS.fullmatch(lower):
        yield from _find_addresses(lower)
    if _HEX.fullmatch(lower):
        yield from _find_hashes(lower)
    yield from _find_titles(query)


def parse_moment(text: str) -> int | None:
    """A date (`2026-03`, `2026-03-04`, `2026-03-04 12:30`) as Unix seconds, UTC; None when it is none."""
    match = _DATE.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) if part else 0 for part in match.groups())
    try:
        return int(datetime(year, month, day or 1, hour, minute, second, tzinfo=UTC).timestamp())
    except ValueError:
        return None


def _find_height(height: int) -> Iterator[Hit]:
    if height > get_totals().height:
        return
    for block in chain.Block.objects.filter(height=height, canonical=True).only(
        "hash", "height", "timestamp"
    ):
        yield _block_hit(block.hash, block.height, block.timestamp)


def _find_moment(moment: int) -> Iterator[Hit]:
    """The last block until then and the first one after it."""
    fields = ("block", "height", "timestamp")
    until = ModelRecord.objects.filter(timestamp__lte=moment).order_by("-timestamp").values_list(*fields)[:1]
    after = ModelRecord.objects.filter(timestamp__gt=moment).order_by("timestamp").values_list(*fields)[:1]
    near = sorted([*until, *after], key=lambda row: abs(row[2] - moment))
    for block, height, timestamp in near:
        yield _block_hit(block, height, timestamp)


def _find_addresses(prefix: str) -> Iterator[Hit]:
    rows = list(
        AddressSummary.objects.filter(address__startswith=prefix).order_by("address")[:MOST_OF_A_KIND]
    )
    for row in rows:
        many = f"{group_digits(row.transactions)} transaction{'' if row.transactions == 1 else 's'}"
        yield _address_hit(row.address, many)
    if not rows and is_address(prefix):
        yield _address_hit(prefix, "not seen in the chain")
    for address, url in pool.list_members(prefix, MOST_OF_A_KIND):
        yield Hit(
            "member", address, f"Pool member {shorten(address, 10, 6)}", "points, earnings, payouts", url
        )
    for address, state, url in storage.list_keepers(prefix, MOST_OF_A_KIND):
        yield Hit("keeper", address, f"Keeper {shorten(address, 10, 6)}", f"{state}: replicas, audits", url)


def is_address(text: str) -> bool:
    """Whether the text is a complete address."""
    try:
        parse_address(text)
    except ProtocolError:
        return False
    return True


def _find_hashes(prefix: str) -> Iterator[Hit]:
    blocks = chain.Block.objects.filter(hash__startswith=prefix).only(
        "hash", "height", "timestamp", "canonical"
    )
    for block in blocks.order_by("hash")[:MOST_OF_A_KIND]:
        yield _block_hit(
            block.hash, block.height, block.timestamp, "" if block.canonical else "not in the chain"
        )
    rows = chain.Transaction.objects.filter(txid__startswith=prefix).only("txid", "kind", "status")
    for row in rows.order_by("txid")[:MOST_OF_A_KIND]:
        url = reverse("explorer:transaction_detail", args=[row.txid])
        yield Hit(
            "transaction", row.txid, f"Transaction {shorten(row.txid)}", f"{row.kind}, {row.status}", url
        )
    yield from _find_models(prefix)
    for content in ContentSummary.objects.filter(id__startswith=prefix).order_by("id")[:MOST_OF_A_KIND]:
        yield _content_hit(content)


def _find_models(prefix: str) -> Iterator[Hit]:
    """Models of blocks of the chain, and of evaluated blocks beside it, each once."""
    rows = chain.Block.objects.filter(
        Q(canonical=True) | Q(status=chain.Block.Status.VALID), model__startswith=prefix, height__gt=0
    )
    seen: set[str] = set()
    for row in rows.only("model", "error", "height", "canonical").order_by("model", "-canonical", "height")[
        :MOST_OF_A_KIND
    ]:
        if row.model not in seen:
            seen.add(row.model)
            yield _model_hit(row)


def _find_titles(query: str) -> Iterator[Hit]:
    """Problems whose title has all the words; there are few enough to look at each."""
    words = Q()
    for word in query.split()[:8]:
        words &= Q(title__icontains=word)
    rows = ContentSummary.objects.filter(words, subject=ContentSummary.Subject.PROBLEM)
    for content in rows.order_by("-last_height", "id")[:MOST_OF_A_KIND]:
        yield _content_hit(content)


def _block_hit(block: str, height: int, timestamp: int, standing: str = "") -> Hit:
    url = reverse("explorer:block_detail", args=[block])
    detail = format_exact_time(timestamp) + (f", {standing}" if standing else "")
    return Hit("block", block, f"Block {group_digits(height)}", detail, url)


def _address_hit(address: str, detail: str) -> Hit:
    url = reverse("explorer:address_detail", args=[address])
    return Hit("address", address, f"Address {shorten(address, 10, 6)}", detail, url)


def _model_hit(row: chain.Block) -> Hit:
    standing = "" if row.canonical else ", which is not in the chain"
    detail = f"error {format_percent(row.error)}, block {group_digits(row.height)}{standing}"
    return Hit("model", row.model, f"Model {shorten(row.model)}", detail, f"/models/{row.model}/")


def _content_hit(content: ContentSummary) -> Hit:
    blocks = f"{group_digits(content.blocks)} block{'' if content.blocks == 1 else 's'}"
    if content.subject == ContentSummary.Subject.PROBLEM:
        label, url = f"Problem {content.title or shorten(content.id)}", f"/problems/{content.id}/"
    else:
        label, url = f"Grammar {shorten(content.id)}", f"/grammars/{content.id}/"
    return Hit(content.subject, content.id, label, blocks, url)
