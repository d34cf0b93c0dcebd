"""Blocks, thresholds and commitments from their definitions (docs/protocol.md §3, §5 and §7.3)."""

import functools
import hashlib

from tests.second import networks as nets
from tests.second import primitives as base
from tests.second.ledger import Ledger
from tests.second.refused import Refused, require

__all__ = ["Node", "Refused", "commitment"]

MODULUS = 2**3072 - 1103717


@functools.lru_cache(maxsize=20_000)  # most entries stay as they are from block to block
def factor(key, fields):
    packed = b"coinai/1/state\n" + base.canonical([key, dict(fields)])
    return int.from_bytes(hashlib.shake_256(packed).digest(384), "big")


def commitment(entries):
    product = 1
    for key, value in entries.items():
        product = product * factor(key, tuple(value.items())) % MODULUS
    return base.sha3(product.to_bytes(384, "big")).hex()


class Node:
    """Replays a chain from its genesis document, with the whole ledger as a dict and its commitment anew."""

    def __init__(self, genesis, objects):
        self.genesis, self.parameters, self.objects = genesis, genesis["parameters"], objects
        self.ledger = Ledger(genesis, objects)
        self.hashes, self.parent = [], None
        zeros = "0" * 64
        self.header = {
            "network": genesis["network"],
            "version": 1,
            "height": 0,
            "previous": zeros,
            "round": 0,
            "timestamp": genesis["timestamp"],
            "threshold": 0,
            "problem": genesis["problem"],
            "grammar": genesis["grammar"],
            "transactions": base.digest("genesis", genesis),
            "nonce": 0,
            "model": zeros,
            "model_bytes": 0,
            "error": 0,
            "state": commitment(self.entries),
            "seal": "",
        }

    @property
    def entries(self):
        return self.ledger.entries

    @property
    def hash(self):
        return base.digest("block", self.header)

    def connect(self, raw, *, evaluate=True):
        """Check one raw block on the tip against every rule and move the tip to it."""
        block = base.parse(raw)
        header, transactions = block["header"], block["transactions"]
        self.check_header(header, transactions)
        problem = base.parse(self.ledger.read(header["problem"]))
        self.check_threshold(header, problem)
        self.check_network(header, problem, evaluate)
        self.ledger.apply(
            height=header["height"],
            round_number=header["round"],
            hashes=[self.hash, *self.hashes],
            parent=self.parent,
            transactions=transactions,
        )
        require(header["state"] == commitment(self.entries), "state")
        self.hashes = [self.hash, *self.hashes][: self.parameters["beacon_blocks"]]
        self.parent = {**header, "transactions": transactions}
        self.header = header

    def check_header(self, header, transactions):
        parent, p = self.header, self.parameters
        require(header["network"] == self.genesis["network"] and header["version"] == 1, "network")
        require(header["previous"] == self.hash and header["height"] == parent["height"] + 1, "previous")
        seconds = (header["round"] + 1) * p["round_seconds"]
        require(header["timestamp"] == parent["timestamp"] + seconds, "timestamp")
        ids = [base.digest("transaction", t) for t in transactions]
        require(header["transactions"] == base.merkle([bytes.fromhex(i) for i in ids]).hex(), "transactions")
        require(1 <= len(transactions) <= 1 + p["max_transactions"], "count")
        bound = p["nonces_per_transaction"] * len(transactions) or 2**53
        require(header["nonce"] < bound, "nonce")
        reward = transactions[0]
        require(set(reward) == {"network", "kind", "body"} and reward["kind"] == "reward", "reward")
        require(reward["network"] == header["network"], "reward")
        require(
            set(reward["body"]) == {"height", "key"} and reward["body"]["height"] == header["height"],
            "reward",
        )
        unsealed = {k: v for k, v in header.items() if k != "seal"}
        message = b"coinai/1/seal\n" + base.canonical(unsealed)
        key = bytes.fromhex(reward["body"]["key"])
        require(base.is_signed(key, message, bytes.fromhex(header["seal"])), "seal")
        for transaction in transactions[1:]:
            unsigned = {k: v for k, v in transaction.items() if k != "signature"}
            message = b"coinai/1/sign\n" + base.canonical(unsigned)
            signature = bytes.fromhex(transaction["signature"])
            require(base.is_signed(bytes.fromhex(transaction["key"]), message, signature), "signature")

    def check_threshold(self, header, problem):
        p, parent = self.parameters, self.header
        stalled = header["round"] >= p["stall_rounds"]
        active = (
            self.genesis
            if stalled
            else {s: self.entries[f"active/{s}"]["content"] for s in ("problem", "grammar")}
        )
        require(header["problem"] == active["problem"] and header["grammar"] == active["grammar"], "contents")
        floor = 0 if stalled else base.quality(problem["floor_error"])
        same = parent["height"] > 0 and parent["problem"] == header["problem"]
        opening = 0 if stalled else parent["threshold"] + p["raise"] if same else floor
        require(header["threshold"] == max(floor, opening - header["round"] * p["fall"]), "threshold")
        require(base.quality(header["error"]) >= header["threshold"], "quality")

    def check_network(self, header, problem, evaluate):
        h = nets.seed(header["previous"], header["transactions"], header["nonce"])
        rules = nets.rules_of(self.ledger.read(header["grammar"]).decode())
        text, _ = nets.derive(rules, h, self.parameters["max_choices"], self.parameters["derivation"])
        layers = nets.layers_of(text, problem["shape"], problem["classes"])
        parameters, macs = nets.costs(layers)
        require(parameters <= problem["max_parameters"], "parameters")
        require(problem["min_macs"] <= macs <= problem["max_macs"], "macs")
        data = self.objects(header["model"])
        require(len(data) == header["model_bytes"] and base.object_id(data) == header["model"], "model")
        arrays = nets.read_model(data, nets.tensors_of(layers), h)
        if evaluate:
            examples = nets.read_data_set(self.objects(problem["data"]))
            found = []
            for start in range(0, len(examples["validation_x"]), 200):
                scores = nets.logits(layers, arrays, examples["validation_x"][start : start + 200])
                found += scores.argmax(axis=1).tolist()
            error = base.error_of(problem["metric"], found, examples["validation_y"].tolist())
            require(error == header["error"], f"error is {error}")
