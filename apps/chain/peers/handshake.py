"""The proof of a node's key: each end signs the other's nonce, both keys, and who called whom."""

import functools
from pathlib import Path

from django.conf import settings

from apps.common.key_file import load_or_create_secret
from protocol.crypto import is_valid_signature, public_key, sign
from protocol.encoding import JsonValue, encode

PREFIX = b"coinai/1/node\n"


@functools.lru_cache(maxsize=4)
def _load(path: Path) -> tuple[bytes, str]:
    secret = load_or_create_secret(path)
    return secret, public_key(secret).hex()


def load_node_key() -> tuple[bytes, str]:
    """This node's secret, and its public key in hex; made in COINAI_HOME at the first start."""
    return _load(Path(settings.COINAI_HOME) / "node_key")


def compute_proven(*, genesis: str, nonce: str, signer: str, other: str, is_caller: bool) -> bytes:
    """The bytes that a node signs: good for this nonce, these two nodes and this chain alone."""
    content: dict[str, JsonValue] = {
        "genesis": genesis,
        "nonce": nonce,
        "signer": signer,
        "other": other,
        "is_caller": is_caller,
    }
    return PREFIX + encode(content)


def sign_proof(secret: bytes, *, genesis: str, nonce: str, signer: str, other: str, is_caller: bool) -> str:
    """The signature for `messages.Proof`, in hex."""
    terms = compute_proven(genesis=genesis, nonce=nonce, signer=signer, other=other, is_caller=is_caller)
    return sign(secret, terms).hex()


def is_proven(signature: str, *, genesis: str, nonce: str, signer: str, other: str, is_caller: bool) -> bool:
    """Whether ``signer`` made the signature for this connection."""
    terms = compute_proven(genesis=genesis, nonce=nonce, signer=signer, other=other, is_caller=is_caller)
    return is_valid_signature(bytes.fromhex(signer), terms, bytes.fromhex(signature))
