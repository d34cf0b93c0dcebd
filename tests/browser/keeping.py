"""Two keepers on the stage: they prove what they are asked for, with the bytes that the site itself has."""

import json

from apps.chain.api import Transaction, get_entry, get_pending, list_entries, submit_transaction
from apps.common import object_store
from protocol.crypto import address, public_key, sha3_256
from protocol.encoding import encode
from protocol.merkle import CHUNK_BYTES, chunk_path
from protocol.params import CAI
from protocol.transactions import Body, Keeper, Leave, StorageProof, sign_transaction

BOB = sha3_256(b"coinai/testing/bob")
DORA = sha3_256(b"dora")  # begins with nothing
KEEPERS = {address(public_key(secret)): secret for secret in (BOB, DORA)}
CAPACITY = 2**24


def register() -> None:
    """Both offer room, from the next block on."""
    for keeper in KEEPERS:
        _send(keeper, Keeper(CAPACITY, "https://keeper.example/", CAI))


def leave() -> None:
    """Both stop, with the next block."""
    for keeper in KEEPERS:
        _send(keeper, Leave())


def answer() -> None:
    """Answer the challenges that no proof on its way answers."""
    waiting = Transaction.objects.filter(kind="storage_proof", status="pending")
    bodies = [json.loads(bytes(row.raw))["body"] for row in waiting]
    answered = {(body["height"], body["number"]) for body in bodies}
    for key, challenge in list_entries("challenge/"):
        height, number = (int(part) for part in key.split("/")[1:])
        if challenge["address"] in KEEPERS and (height, number) not in answered:
            data, chunk = object_store.read(challenge["object"]), challenge["chunk"]
            piece = data[chunk * CHUNK_BYTES : (chunk + 1) * CHUNK_BYTES]
            path = tuple(node.hex() for node in chunk_path(data, chunk))
            _send(challenge["address"], StorageProof(height, number, piece, path))


def _send(keeper: str, body: Body) -> None:
    account = get_entry(f"account/{keeper}") or {"sequence": 0}
    sequence = get_pending(keeper, sequence=account["sequence"])["next_sequence"]
    signed = sign_transaction(
        KEEPERS[keeper], network="testing", kind=body.kind, sequence=sequence, fee=25_000, body=body
    )
    submit_transaction(encode(signed.to_json()))
