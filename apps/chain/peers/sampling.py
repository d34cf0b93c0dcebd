"""The random sample below the checkpoint: in the mode ``assumed`` some models are scored all the same.

Which ones, only this node knows. A sample that fails says that the checkpoint is not to be trusted: nothing
is undone, since a node never leaves a checkpoint, but health and log say it until somebody looks.
"""

import structlog

from apps.chain.models import Block
from apps.chain.peers.handshake import load_node_key
from apps.chain.peers.states import save_state
from apps.chain.rounds import to_header
from apps.chain.scoring import score_block
from apps.chain.selectors import BIG_FIELDS
from apps.common import object_store
from protocol.crypto import sha3_256
from protocol.errors import ObjectMissing, ProtocolError

ONE_OF = 64
LOOK_BACK = 2000

log = structlog.get_logger(__name__)


def is_sampled(block_hash: str) -> bool:
    """Whether this node scores the block's model although it is assumed; nobody else can tell."""
    secret, _ = load_node_key()
    return (
        int.from_bytes(sha3_256(b"coinai/1/sample\n" + secret + bytes.fromhex(block_hash))[:8], "big")
        % ONE_OF
        == 0
    )


def score_sample() -> Block | None:
    """Score one assumed block of the sample whose model is here; None when there is none."""
    rows = Block.objects.filter(canonical=True, assumed=True).order_by("-height")
    names = rows.values_list("hash", "model")[:LOOK_BACK]
    sampled = [name for name, model in names if is_sampled(name) and object_store.exists(model)]
    for block in Block.objects.defer(*BIG_FIELDS).filter(hash__in=sampled).order_by("-height"):
        try:
            score_block(to_header(block))
        except ObjectMissing:
            continue
        except ProtocolError as error:
            log.error("sample_failed", hash=block.hash, height=block.height, code=error.code)
            save_state(
                problem=f"Block {block.height} below the checkpoint fails its check ({error.code} "
                f"{error.name}): the checkpoint of this node is not to be trusted."
            )
        Block.objects.filter(hash=block.hash).update(assumed=False)
        return block
    return None
