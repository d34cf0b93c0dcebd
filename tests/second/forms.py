"""What a signed transaction must look like before any ledger is asked (docs/protocol.md §1, §2)."""

import base64
import binascii
import re

from tests.second import contents
from tests.second import primitives as base
from tests.second.refused import require

BODIES = {
    "transfer": {"outputs": list},
    "propose": {"subject": str, "content": str},
    "support": {"proposal": str, "amount": int},
    "withdraw": {"proposal": str},
    "keeper": {"capacity": int, "endpoint": str, "bond": int},
    "leave": {},
    "storage_proof": {"height": int, "number": int, "data": str, "path": list},
}
SIGNED = {
    "network": str,
    "kind": str,
    "key": str,
    "sequence": int,
    "fee": int,
    "body": dict,
    "signature": str,
}


def check_fields(value, fields):
    require(type(value) is dict and set(value) == set(fields), "fields")
    require(all(type(value[name]) is kind for name, kind in fields.items()), "types")


def is_hex(text, size):
    return type(text) is str and re.fullmatch(f"[0-9a-f]{{{2 * size}}}", text) is not None


def is_canonical(value):
    try:
        return base.canonical(value) is not None
    except ValueError:
        return False


def check(transaction, genesis):
    """Refuse what can be no signed transaction on this network, whatever its ledger says."""
    check_fields(transaction, SIGNED)
    require(is_canonical(transaction), "canonical")
    require(transaction["network"] == genesis["network"], "network")
    require(is_hex(transaction["key"], 32) and is_hex(transaction["signature"], 64), "hex")
    require(transaction["kind"] in BODIES, "kind")
    body = transaction["body"]
    check_fields(body, BODIES[transaction["kind"]])
    CHECKS[transaction["kind"]](body, genesis["parameters"])


def check_transfer(body, p):
    require(1 <= len(body["outputs"]) <= p["max_outputs"], "outputs")
    for output in body["outputs"]:
        check_fields(output, {"to": str, "amount": int})
        require(is_address(output["to"]) and output["amount"] >= 1, "output")


def is_address(text):
    try:
        return len(base.bytes_of_address(text)) == 20
    except ValueError:
        return False


def check_propose(body, p):
    raw = body["content"].encode()
    require(body["subject"] in ("problem", "grammar") and len(raw) <= 65536, "subject or content")
    try:
        (contents.problem_of if body["subject"] == "problem" else contents.grammar_of)(raw, p)
    except ValueError as error:
        require(False, f"the content does not parse: {error}")


def check_support(body, p):
    require(is_hex(body["proposal"], 32) and body["amount"] >= 1, "support")


def check_withdraw(body, p):
    require(is_hex(body["proposal"], 32), "withdraw")


def check_keeper(body, p):
    require(body["capacity"] >= 1 and body["bond"] >= 1, "amounts are at least 1")
    require(1 <= len(body["endpoint"]) <= 256 and body["endpoint"].isascii(), "endpoint")


def check_leave(body, p):
    require(body == {}, "leave")


def check_storage_proof(body, p):
    require(all(is_hex(node, 32) for node in body["path"]), "path")
    try:
        data = base64.b64decode(body["data"], validate=True)
    except (binascii.Error, ValueError):
        data = None
    require(data is not None and base64.b64encode(data).decode() == body["data"], "base64")


CHECKS = {
    "transfer": check_transfer,
    "propose": check_propose,
    "support": check_support,
    "withdraw": check_withdraw,
    "keeper": check_keeper,
    "leave": check_leave,
    "storage_proof": check_storage_proof,
}
