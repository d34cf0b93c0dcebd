"""The chain's part of the HTTP API: status, blocks, transactions, the mempool."""

from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router

from apps.chain import api, schemas
from apps.chain.derivations import describe_block, describe_request
from apps.chain.errors import BodyTooLarge, WrongMediaType
from apps.chain.rest_objects import router as objects_router
from apps.common.errors import BadParameter, NotFound
from apps.common.http import bytes_response, json_response
from apps.common.pagination import DEFAULT_LIMIT, MAX_LIMIT, build_page
from protocol.merkle import inclusion_path

router = Router(tags=["chain"])
router.add_router("", objects_router)

MAX_HEIGHT = 2**53 - 1
# Canonical JSON is checked byte for byte; these are what simple clients say when they are told nothing.
MEDIA_TYPES = {
    "",
    "application/json",
    "application/octet-stream",
    "application/x-www-form-urlencoded",
    "text/plain",
}
PROBLEMS = {400: schemas.Problem, 404: schemas.Problem}
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Hash = Annotated[str, Path(pattern=schemas.HEX64)]


@router.get("/status", response={200: schemas.StatusOut, 503: schemas.Problem})
def status(request: HttpRequest) -> HttpResponse:
    """The node at a glance."""
    view = api.get_round()
    tip = view.parent
    sync = api.get_sync(tip)
    issued, burned = api.get_supply()
    return json_response(
        request,
        {
            "network": api.get_params().network,
            "genesis": api.get_genesis_hash(),
            "height": tip.height,
            "tip": tip.hash,
            "work": tip.work,
            "peers": sync.peers,
            "sync": sync_json(sync),
            "mempool": api.count_mempool(),
            "supply": issued - burned,
            "round": {
                "height": view.height,
                "number": view.number,
                "started": view.started,
                "ends": view.ends,
                "threshold": view.threshold,
                "best": None if view.best is None else api.candidate_to_json(view.best),
            },
        },
    )


def sync_json(sync: api.SyncView) -> dict[str, Any]:
    """How far this node has caught up, and by which mode."""
    return {
        "mode": sync.mode,
        "synchronised": sync.is_synchronised,
        "best_height": sync.best_height,
        "progress": round(sync.progress, 6),
        "eta_seconds": None if sync.eta_seconds is None else round(sync.eta_seconds, 1),
        "checkpoint": sync.checkpoint_height,
        "assumed_blocks": sync.assumed_blocks,
        "clock_offset_ms": None if sync.clock_offset_ms is None else round(sync.clock_offset_ms),
        "clock_right": sync.is_clock_right,
    }


@router.get("/parameters", response={200: dict[str, Any]})
def parameters(request: HttpRequest) -> HttpResponse:
    """The chain parameters, by the names of the protocol's appendix."""
    return json_response(request, {"network": api.get_params().network} | dict(api.get_params().to_json()))


@router.get("/genesis", response={200: dict[str, Any]})
def genesis(request: HttpRequest) -> HttpResponse:
    """The genesis document."""
    return json_response(request, api.get_genesis().to_json())


@router.get("/blocks", response={200: schemas.BlockPage, 400: schemas.Problem})
def blocks(
    request: HttpRequest,
    before: Annotated[int | None, Query(ge=0, le=MAX_HEIGHT)] = None,
    limit: Limit = DEFAULT_LIMIT,
) -> HttpResponse:
    """Blocks of the best chain below height `before`, newest first."""
    rows = api.list_blocks(before=before, limit=limit + 1)
    page = build_page(request, rows, limit=limit, to_json=api.block_summary, key=lambda row: row.height)
    return json_response(request, page)


@router.get("/blocks/{block}", response={200: schemas.BlockDetailOut, **PROBLEMS})
def block_detail(request: HttpRequest, block: str) -> HttpResponse:
    """A block by its hash, or of the best chain by its height."""
    return json_response(request, api.block_detail(find_block(block)))


@router.get("/blocks/{block_hash}/raw", response={200: dict[str, Any], **PROBLEMS})
def block_raw(request: HttpRequest, block_hash: Hash) -> HttpResponse:
    """The block's bytes: canonical JSON of header and transactions."""
    return bytes_response(request, api.get_raw(block_hash), immutable=True)


@router.get("/blocks/{block_hash}/derivation", response={200: schemas.DerivationOut, **PROBLEMS})
def block_derivation(request: HttpRequest, block_hash: Hash) -> HttpResponse:
    """How the block's hash becomes its network."""
    block = api.get_block(block_hash)
    if block.height == 0:
        raise NotFound("derivation of the genesis block")
    return json_response(request, describe_block(block), immutable=True)


@router.get("/transactions/{txid}", response={200: schemas.TransactionOut, **PROBLEMS})
def transaction_detail(request: HttpRequest, txid: Hash) -> HttpResponse:
    """A transaction and where it stands."""
    return json_response(request, api.transaction_json(api.get_transaction(txid)))


@router.get("/transactions/{txid}/proof", response={200: schemas.ProofOut, **PROBLEMS})
def transaction_proof(request: HttpRequest, txid: Hash) -> HttpResponse:
    """Proof that the best chain holds the transaction: hash it up along `path` to the header's root."""
    position = api.get_position(txid)
    if position is None:
        raise NotFound("transaction of this id in the best chain")
    txids = api.list_txids(api.get_block(position.block_id))
    path = inclusion_path([bytes.fromhex(leaf) for leaf in txids], position.position)
    return json_response(
        request,
        {
            "txid": txid,
            "block": position.block_id,
            "root": position.block.transactions_root,
            "index": position.position,
            "count": len(txids),
            "path": [node.hex() for node in path],
        },
    )


@router.post(
    "/transactions",
    response={
        202: schemas.SubmittedOut,
        400: schemas.Problem,
        413: schemas.Problem,
        415: schemas.Problem,
        429: schemas.Problem,
        503: schemas.Problem,
    },
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
    },
)
def transaction_submit(request: HttpRequest) -> HttpResponse:
    """Send a signed transaction, as canonical JSON (protocol, §2)."""
    row = api.submit_transaction(read_body(request))
    response = json_response(request, {"txid": row.txid, "status": row.status})
    response.status_code = 202
    return response


@router.get("/mempool", response={200: schemas.TransactionPage, **PROBLEMS})
def mempool(
    request: HttpRequest,
    after: Annotated[str | None, Query(pattern=schemas.HEX64)] = None,
    sender: Annotated[str | None, Query(pattern=schemas.ADDRESS)] = None,
    limit: Limit = DEFAULT_LIMIT,
) -> HttpResponse:
    """Transactions that wait, or those of one sender, the highest fee rate first."""
    rows = api.list_mempool(after=after, sender=sender, limit=limit + 1)
    page = build_page(
        request,
        rows,
        limit=limit,
        to_json=api.transaction_summary,
        key=lambda row: row.txid,
        parameter="after",
    )
    return json_response(request, page)


@router.get("/fees", response={200: schemas.FeesOut, 503: schemas.Problem})
def fees(request: HttpRequest) -> HttpResponse:
    """Fee rates, in base units per 1000 bytes: the least that is relayed, and what the next blocks take."""
    return json_response(request, api.suggest_fees())


@router.post("/derive", response={200: schemas.DeriveOut, **PROBLEMS})
def derive(request: HttpRequest, body: schemas.DeriveIn) -> HttpResponse:
    """Derive a network from a grammar and a seed, and say whether it may be mined on the active problem."""
    return json_response(request, describe_request(**body.dict()))


def read_body(request: HttpRequest) -> bytes:
    """The bytes of a transaction that is sent, unread when they are too many or said to be something else.

    Raises BodyTooLarge, WrongMediaType.
    """
    limit = api.get_params().max_block_bytes
    if int(request.META.get("CONTENT_LENGTH") or 0) > limit:
        raise BodyTooLarge(limit)
    media_type = (request.content_type or "").lower()
    if media_type not in MEDIA_TYPES:
        raise WrongMediaType(media_type)
    return request.body


def find_block(text: str) -> api.Block:
    """The block of a hash, or of a height in the best chain. Raises BadParameter, NotFound."""
    if len(text) == 64 and set(text) <= set("0123456789abcdef"):
        return api.get_block(text)
    if text.isascii() and text.isdigit() and int(text[:17]) <= MAX_HEIGHT:
        return api.get_block_at(int(text))
    raise BadParameter("block", "a block's hash (64 lowercase hexadecimal digits) or a height")
