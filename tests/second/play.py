"""Random chains of blocks with transactions of every kind, on tiny parameters, for differential tests.

Only the ledger: models are random bytes, nothing is signed or mined. The same seed gives the same play.
"""

import base64
import random
from dataclasses import dataclass
from functools import cache

from tests.second import primitives as base
from tests.second.ledger import Ledger
from tests.second.refused import Refused

ZEROS = "0" * 64
GRAMMARS = [
    f"<net> ::= flatten <fc> | gap <fc>\n<fc> ::= {' | '.join(f'fc {u} relu' for u in units)}\n"
    for units in ([4, 8], [4, 16], [2, 4, 8, 16, 32], [900, 1800], [8, 2000, 4000])
]
# About 10 and about 16 of the 256 trials are minable.
GRAMMARS += [f"<net> ::= gap <fc>\n<fc> ::= fc 9 relu{n * ' | fc 9000 relu'}\n" for n in (24, 15)]
GRAMMARS += ["<net> ::= flatten <fc>\n<fc> ::= fc 2000 relu | fc 4000 relu\n"]
GRAMMARS += ["<net> ::= <net>\n", "flatten", "<net> ::= flatten <fc>\n<fc> ::= fc 8 tanh\n"]
TINY = {
    "round_seconds": 1,
    "raise": 250,
    "fall": 100,
    "late_seconds": 1,
    "max_reorg": 20,
    "stall_rounds": 30,
    "max_transactions": 50,
    "max_outputs": 3,
    "max_block_bytes": 262144,
    "nonces_per_transaction": 0,
    "max_choices": 512,
    "derivation": "refill",
    "max_grammar_bytes": 65536,
    "max_manifest_bytes": 65536,
    "max_data_bytes": 8388608,
    "max_model_bytes": 1048576,
    "max_parameters": 2000000,
    "max_macs": 5000000,
    "max_evaluation_macs": 3000000000,
    "proposal_deposit": 1000,
    "proposal_deposit_per_mib": 70000,
    "bond_per_gib": 300000000,
}
RANGES = {
    "initial_subsidy": [0, 1001, 50007],
    "halving_blocks": [9, 1000],
    "keeper_share_ppm": [0, 100000, 333333],
    "maturity_blocks": [1, 2, 3],
    "epoch_blocks": [2, 3, 4],
    "min_active_blocks": [1, 3, 4],
    "quorum_ppm": [0, 10, 20000],
    "proposal_blocks": [3, 7, 12],
    "beacon_blocks": [1, 2, 3, 12],
    "switch_delay": [1, 2, 5],
    "selection": ["proportional", "proportional", "plurality", "auction"],
    "model_replicas": [1, 2, 3],
    "data_replicas": [0, 1, 2],
    "audits_per_block": [1, 3, 8],
    "proof_blocks": [1, 2, 4],
    "slash_ppm": [0, 50000, 1000000],
    "max_misses": [1, 2, 3],
    "unbond_blocks": [1, 3, 6],
    "topup_per_block": [1, 2, 8],
}


# Keepers live longer, and votes are more often decided.
CALM = {
    "slash_ppm": [0, 1000],
    "max_misses": [3],
    "quorum_ppm": [10],
    "proposal_blocks": [12],
    "min_active_blocks": [1],
    "epoch_blocks": [2, 3],
    "switch_delay": [1, 4, 5],
    "initial_subsidy": [1001, 50007],
}
WEIGHTS = {
    "transfer": 2,
    "propose": 4,
    "support": 5,
    "withdraw": 1,
    "keeper": 5,
    "leave": 1,
    "storage_proof": 12,
}


@cache
def keys():
    """The public keys of six people."""
    return [base.public_key(base.sha3(f"coinai/testing/{i}".encode())).hex() for i in range(6)]


@dataclass
class Played:
    """A block that the ledger took, what it refused before, and the entries after it."""

    header: dict
    parent: dict
    transactions: list
    refused: list
    entries: dict
    draws: list
    hashes: list


class Play:
    """One random chain; ``run`` yields its blocks."""

    def __init__(self, seed, **parameters):
        self.random = random.Random(seed)
        self.keys = keys()
        self.addresses = [base.address(bytes.fromhex(key)) for key in self.keys]
        self.files, self.grammars = {}, list(GRAMMARS)
        self.data = [self.keep(self.random.randbytes(n)) for n in (1321, 2048, 5000, 7001)]
        ranges = RANGES | (CALM if seed % 2 else {})
        parameters = TINY | {name: self.random.choice(v) for name, v in ranges.items()} | parameters
        self.problems = []
        least = parameters["min_active_blocks"]
        for i, data in enumerate([*self.data, *self.data]):
            wrong = 1 if i == 6 else 0
            self.problems.append(self.manifest(f"problem {i}", data, least + i % 2, wrong))
        first = self.manifest("the first", self.data[0], least)
        self.genesis = {
            "network": "play",
            "parameters": parameters,
            "timestamp": 1_750_000_000,
            "allocations": dict.fromkeys(self.addresses[:5], 10**6),
            "problem": self.keep(first.encode()),
            "grammar": self.keep(GRAMMARS[0].encode()),
        }
        self.ledger = Ledger(self.genesis, self.files.__getitem__)
        self.parent = self.first_header()
        self.hashes, self.before, self.supported = [], None, []

    def keep(self, data):
        name = base.object_id(data)
        self.files[name] = data
        return name

    def manifest(self, title, data, least, wrong=0):
        return base.canonical(
            {
                "title": title,
                "summary": "s",
                "licence": "l",
                "source": "s",
                "task": "classification",
                "metric": "accuracy",
                "classes": 10,
                "shape": [1, 8, 8],
                "train": 10,
                "validation": 10,
                "data": data,
                "data_bytes": len(self.files[data]) + wrong,
                "floor_error": 700000,
                "min_macs": 3000 if title[-1] in "147" else 30,
                "max_macs": 100000,
                "max_parameters": 50000,
                "min_active_blocks": least,
                "conversion": "c",
            }
        ).decode()

    def first_header(self):
        header = dict.fromkeys(("round", "threshold", "nonce", "model_bytes", "error", "height"), 0)
        header |= dict.fromkeys(("previous", "model", "state"), ZEROS)
        header |= {name: self.genesis[name] for name in ("network", "timestamp", "problem", "grammar")}
        return header | {"version": 1, "seal": "", "transactions": base.digest("genesis", self.genesis)}

    def run(self, blocks):
        for height in range(1, blocks + 1):
            self.hashes = [base.digest("block", self.parent), *self.hashes]
            yield self.next(height)

    def next(self, height):
        self.height, self.round = height, 30 if self.random.random() < 0.04 else 0
        reward = {
            "network": "play",
            "kind": "reward",
            "body": {"height": height, "key": self.random.choice(self.keys)},
        }
        taken, refused, start = [reward], [], self.ledger.entries
        self.apply(taken)
        self.coming, self.ledger.entries = self.ledger.entries, start
        for _ in range(self.random.choice([0, 3, 6, 9])):
            candidate = self.candidate(taken)
            try:
                self.apply([*taken, candidate])
                taken.append(candidate)
            except Refused:
                refused.append([*taken, candidate])
            self.ledger.entries = start
        self.apply(taken)
        parent, self.parent = self.parent, self.header(taken)
        self.before = {**self.parent, "transactions": taken}
        return Played(
            header=self.parent,
            parent=parent,
            transactions=taken,
            refused=refused,
            entries=self.ledger.entries,
            draws=self.ledger.draws,
            hashes=self.hashes,
        )

    def apply(self, transactions):
        self.ledger.apply(
            height=self.height,
            round_number=self.round,
            hashes=self.hashes,
            parent=self.before,
            transactions=transactions,
        )

    def header(self, transactions):
        size = self.random.choice([1, 700, 1024, 1025, 2048, 3000, 5555])
        ids = [bytes.fromhex(base.digest("transaction", t)) for t in transactions]
        model = self.keep(self.random.randbytes(size))
        if self.random.random() < 0.15:
            model = self.random.choice([*self.data, *self.files])
        return {
            **self.parent,
            "height": self.height,
            "round": self.round,
            "previous": self.hashes[0],
            "timestamp": self.parent["timestamp"] + self.round + 1,
            "transactions": base.merkle(ids).hex(),
            "model": model,
            "model_bytes": len(self.files[model]),
            "error": 1,
            "seal": "0" * 128,
        }

    # --- transactions

    def candidate(self, taken):
        pick = self.random.choice
        # What waits for an answer is more likely to be answered, else nothing would ever be proven.
        kind = pick([kind for kind, weight in WEIGHTS.items() for _ in range(weight)])
        who = self.random.randrange(len(self.keys))
        self.sender = who
        body = getattr(self, kind)()
        sent = sum(t.get("key") == self.keys[self.sender] for t in taken)
        account = self.ledger.account(self.addresses[self.sender])
        odd = self.random.random() < 0.02
        return {
            "network": "play",
            "kind": kind,
            "key": self.keys[self.sender],
            "sequence": account["sequence"] + sent + odd,
            "fee": pick([0, 0, 1, 50]),
            "body": body,
            "signature": "0" * 128,
        }

    def amount(self):
        return self.random.choice([0, 1, 10, 999, 5000, 5000, 50000, 50000, 10**7])

    def transfer(self):
        count = self.random.choice([0, 1, 1, 2, 3, 4])
        return {
            "outputs": [
                {"to": self.random.choice(self.addresses), "amount": self.amount()} for _ in range(count)
            ]
        }

    def propose(self):
        subject = self.random.choice(["problem", "problem", "grammar"])
        return {
            "subject": subject,
            "content": self.random.choice(self.problems if subject == "problem" else self.grammars),
        }

    def proposal(self):
        known = [key.split("/")[1] for key in self.ledger.under("proposal/")]
        return self.random.choice(known * 10 + [ZEROS])

    def support(self):
        return {"proposal": self.proposal(), "amount": self.amount()}

    def withdraw(self):
        stakes = self.ledger.under("stake/")
        if stakes and self.random.random() < 0.8:
            key = self.random.choice(stakes)
            self.sender = self.addresses.index(self.ledger.entries[key]["address"])
            return {"proposal": key.split("/")[1]}
        return {"proposal": self.proposal()}

    def keeper(self):
        return {
            "capacity": self.random.choice([0, 900, 9000, 20000, 50000, 50000]),
            "endpoint": self.random.choice(["http://keeper"] * 9 + ["x" * 256, "x" * 257, "", "ü", "\n"]),
            "bond": self.random.choice([0, 1, 6000, 16000, 16000, 20000, 40000]),
        }

    def leave(self):
        return {}

    def storage_proof(self):
        # Now and then the answer to what is asked in this very block, which is too early.
        entries = self.coming if self.random.random() < 0.1 else self.ledger.entries
        keys = sorted(key for key in entries if key.startswith("challenge/"))
        if not keys:
            return {"height": 1, "number": 0, "data": "", "path": []}
        key = self.random.choice(keys)
        challenge = entries[key]
        self.sender = self.addresses.index(challenge["address"])
        chunks = base.chunks_of(self.files[challenge["object"]])
        index = challenge["chunk"]
        odd = self.random.random()
        if odd < 0.05:
            self.sender = self.random.randrange(len(self.keys))
        elif odd < 0.1:
            index = (index + 1) % len(chunks)
        index = min(index, len(chunks) - 1)
        path = [node.hex() for node in base.path_of(chunks, index)]
        data = base64.b64encode(chunks[index]).decode()
        if odd > 0.95:
            path.append(ZEROS)
        elif odd > 0.93:
            data = data.rstrip("=") + "\n"
        _, height, number = key.split("/")
        return {"height": int(height), "number": int(number), "data": data, "path": path}
