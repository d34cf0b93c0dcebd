"""The vectors that follow from the code alone: every call gives the same."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from protocol import crypto
from protocol.blocks import genesis_block
from protocol.commitment import MuHash
from protocol.encoding import JsonValue, decode, encode
from protocol.errors import ProtocolError
from protocol.forkchoice import IndexedBlock, compute_work
from protocol.grammar import compute_seed
from protocol.ledger import apply_genesis
from protocol.merkle import inclusion_path, merkle_root, object_id
from protocol.params import TESTING
from protocol.threshold import compute_quality, compute_threshold
from protocol.transactions import Reward, Transaction, check_transaction, parse_transaction
from tests.protocol.cast import ALICE, BOB, CAST, CHARLIE, DAVE, transfer
from tests.protocol.odd_keys import ODD_KEYS, ODD_SIGNATURES
from tests.vectors.genesis import GENESIS
from tests.vectors.governance_plays import make_governance
from tests.vectors.storage_plays import make_storage

ZERO: Final = 64 * "0"

VALUES: Final[list[JsonValue]] = [
    {},
    [],
    "",
    0,
    2**53 - 1,
    True,
    False,
    {"b": [1, {"z": "", "a": False}], "a": "ü", "B": 2, "": 3, "a0": 4},
    '\x00\x08\t\n\x0b\x0c\r\x1f"\\/\x7f\u2028€😀',
    [[[[[]]]]],
]

REFUSED_BYTES: Final = [
    b"",
    b"{",
    b"01",
    b"\xff",
    b'"\xed\xa0\x80"',
    b"\xef\xbb\xbf1",
    b'{"a":1,"a":1}',
    b"null",
    b"1.0",
    b"1e2",
    b"-1",
    b"-0",
    b"9007199254740992",
    b"1" * 5000,
    b"NaN",
    b'"\\ud800"',
    '{"ä":1}'.encode(),
    b" 1",
    b"1\n",
    b"[1, 2]",
    b'{"b":1,"a":2}',
    b'"\\u0041"',
    b'"\\/"',
    b'"\\u000A"',
    b"[" * 33 + b"]" * 33,
]

REFUSED_ADDRESSES: Final = [
    "",
    ALICE.address.upper(),
    ALICE.address[:-1],
    ALICE.address + "q",
    ALICE.address[:-1] + ("q" if ALICE.address[-1] != "q" else "p"),
    ALICE.address[:-1] + "b",
    "bc1" + ALICE.address[4:],
]


def make_encoding() -> dict[str, Any]:
    """encoding.json"""
    digests: list[tuple[str, JsonValue]] = [
        ("transaction", {"a": 1, "b": "ü"}),
        ("block", {}),
        ("genesis", [1, "a"]),
    ]
    return {
        "values": [{"value": value, "canonical": encode(value).hex()} for value in VALUES],
        "digests": [
            {"kind": kind, "value": value, "digest": crypto.digest(kind, value)} for kind, value in digests
        ],
        "refused": [{"bytes": data.hex(), **_refusal(decode, data)} for data in REFUSED_BYTES],
    }


def make_transactions() -> dict[str, Any]:
    """transactions.json"""
    transactions: list[Transaction] = [
        Reward(network="testing", height=7, key=ALICE.key),
        transfer(ALICE, (BOB, 1)),
        transfer(BOB, (ALICE, 2**53 - 1), (BOB, 1), (BOB, 1), sequence=2**53 - 1, fee=5),
    ]
    return {
        "people": [
            {"name": p.name, "secret": p.secret.hex(), "key": p.key, "address": p.address} for p in CAST
        ],
        "transactions": [
            {"canonical": encode(item.to_json()).decode(), "txid": item.txid} for item in transactions
        ],
        "refused": [_refused_transaction(value) for value in _bad_transactions()],
        "signatures": [
            {"key": key.hex(), "message": message.hex(), "signature": signature.hex(), "why": why}
            | {"valid": crypto.is_valid_signature(key, message, signature)}
            for why, key, message, signature in ODD_SIGNATURES
        ],
        "refused_keys": [
            {"key": key.hex(), "why": why, **_refusal(crypto.check_public_key, key)} for why, key in ODD_KEYS
        ],
        "refused_addresses": [
            {"address": text, **_refusal(crypto.parse_address, text)} for text in REFUSED_ADDRESSES
        ],
    }


def make_merkle() -> dict[str, Any]:
    """merkle.json"""
    trees = [[bytes([65 + i]) * (i % 3) for i in range(count)] for count in range(1, 10)]
    contents = [("78", 70000), ("00", 1), ("ff", 1024), ("61", 1025), ("6162", 1536), ("", 0)]
    return {
        "trees": [_tree([]), _tree([b"a", b"b", b"c"]), *(_tree(leaves) for leaves in trees)],
        "objects": [
            {"repeat": part, "times": times, "object_id": object_id(bytes.fromhex(part) * times)}
            for part, times in contents
        ],
    }


def make_seed() -> list[dict[str, Any]]:
    """seed.json"""
    cases = [(ZERO, 64 * "1", 0), (ZERO, 64 * "1", 3), (64 * "f", ZERO, 2**53 - 1), (64 * "a", 64 * "b", 256)]
    return [
        {
            "previous": previous,
            "transactions": root,
            "nonce": nonce,
            "seed": compute_seed(previous, root, nonce).hex(),
        }
        for previous, root, nonce in cases
    ]


def make_quality() -> list[dict[str, int]]:
    """quality.json"""
    errors = {1, 2, 3, 500, 10**4, 30000, 10**5, 9 * 10**5, 999_306, 999_307, 999_308, 10**6}
    errors.update(
        int.from_bytes(hashlib.sha256(bytes([i])).digest()[:4], "big") % 10**6 + 1 for i in range(200)
    )
    return [{"error": error, "quality": compute_quality(error)} for error in sorted(errors)]


def make_threshold() -> dict[str, Any]:
    """threshold.json"""
    cases = [(514, 514), (514, 764), (514, 1200), (0, 250), (3000, 9000)]
    rounds = [0, 1, 2, 3, 7, 10, 29, 30, 31]
    return {
        "rounds": [
            {
                "fall": TESTING.fall,
                "stall_rounds": TESTING.stall_rounds,
                "floor": floor,
                "opening": opening,
                "thresholds": [
                    [round, compute_threshold(TESTING, floor=floor, opening=opening, round=round)]
                    for round in rounds
                ],
            }
            for floor, opening in cases
        ],
        "work": [
            _work(pattern) for pattern in ("", "i", "l", "liii", "lii", "llili", "ilililiii", "lilliilii")
        ],
    }


def make_commitment() -> list[dict[str, Any]]:
    """commitment.json"""
    genesis = {change.key: change.after for change in apply_genesis(GENESIS).changes}
    sets: list[dict[str, Any]] = [
        {},
        {"keeper_pool": {"amount": 1}},
        {f"account/{DAVE.address}": {"balance": 2**53 - 1, "sequence": 0}, "keeper_pool": {"amount": 1}},
        genesis,
    ]
    return [
        {
            "entries": entries,
            "product": MuHash.of(entries.items()).to_bytes().hex(),
            "state": MuHash.of(entries.items()).commitment,
        }
        for entries in sets
    ]


PLAIN: Final = {
    "encoding": make_encoding,
    "transactions": make_transactions,
    "merkle": make_merkle,
    "seed": make_seed,
    "quality": make_quality,
    "threshold": make_threshold,
    "commitment": make_commitment,
    "governance": make_governance,
    "storage": make_storage,
}
"""File name without ending -> what makes its content."""


def _refusal(check: Any, *arguments: Any) -> dict[str, Any]:
    try:
        check(*arguments)
    except ProtocolError as error:
        return {"code": error.code, "name": error.name}
    raise AssertionError(f"{arguments} should have been refused")


def _bad_transactions() -> list[dict[str, Any]]:
    good = dict(transfer(ALICE, (BOB, 1)).to_json())
    body: Any = good["body"]
    return [
        {**good, "fee": 1},
        {**good, "key": BOB.key},
        {**good, "kind": "mint"},
        {**good, "sequence": "0"},
        {**good, "surplus": 0},
        {name: value for name, value in good.items() if name != "fee"},
        {**good, "body": {"outputs": body["outputs"], "memo": ""}},
        dict(transfer(ALICE).to_json()),
        dict(transfer(ALICE, (CHARLIE, 0)).to_json()),
        dict(transfer(ALICE, (BOB, 1), network="devnet").to_json()),
        dict(Reward(network="testing", height=7, key=ALICE.key).to_json()),
    ]


def _refused_transaction(value: dict[str, Any]) -> dict[str, Any]:
    refusal = _refusal(lambda: check_transaction(TESTING, parse_transaction(value)))
    return {"canonical": encode(value).decode(), **refusal}


def _tree(leaves: Sequence[bytes]) -> dict[str, Any]:
    return {
        "leaves": [leaf.hex() for leaf in leaves],
        "root": merkle_root(leaves).hex(),
        "paths": [[node.hex() for node in inclusion_path(leaves, i)] for i in range(len(leaves))],
    }


def _work(pattern: str) -> dict[str, Any]:
    genesis = genesis_block(GENESIS).header
    index = {"0": IndexedBlock("0", "", height=0, round=0, work=0, quality=0, received=0)}
    for height, mark in enumerate(pattern, start=1):
        parent, late = str(height - 1), mark == "l"
        work = compute_work(index, replace(genesis, previous=parent, threshold=100 * height), late=late)
        index[str(height)] = IndexedBlock(
            str(height),
            parent,
            height,
            round=0,
            work=work,
            quality=0,
            received=0,
            threshold=100 * height,
            late=late,
        )
    blocks = list(index.values())[1:]
    return {
        "blocks": [{"threshold": block.threshold, "late": block.late} for block in blocks],
        "work": [block.work for block in blocks],
    }
