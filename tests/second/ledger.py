"""The ledger: the steps 0 to 8 of a block and every kind of transaction (docs/protocol.md §2, §7, §8, §9)."""

import base64

from tests.second import forms
from tests.second import primitives as base
from tests.second.draw import Draw
from tests.second.refused import Refused, require
from tests.second.storage import Storage


def chunks_of(size):
    return -(-size // 1024)


class Ledger(Storage, Draw):
    """All entries as one dict; ``apply`` moves them by one block or leaves them as they were."""

    def __init__(self, genesis, objects):
        self.genesis, self.p, self.objects = genesis, genesis["parameters"], objects
        self.proposed = {}
        self.entries = {
            f"account/{a}": {"balance": n, "sequence": 0} for a, n in genesis["allocations"].items() if n
        }
        issued = sum(genesis["allocations"].values())
        if issued:
            self.entries["supply"] = {"issued": issued, "burned": 0}
        for subject in ("problem", "grammar"):
            self.entries[f"active/{subject}"] = {"proposal": "", "content": genesis[subject], "since": 0}

    def apply(self, *, height, round_number, hashes, parent, transactions):
        """One block. ``hashes[k]`` is the hash of block h − 1 − k, as far as they are known or needed.

        ``parent`` is ``{model, model_bytes, transactions}`` of block h − 1, None for the genesis block.
        """
        before, self.entries = self.entries, dict(self.entries)
        try:
            self.run(height, round_number, hashes, parent, transactions)
        except Refused:
            self.entries = before
            raise

    def run(self, height, round_number, hashes, parent, transactions):
        self.h, self.draws = height, []
        bits = bytearray(32)
        for k in range(min(self.p["beacon_blocks"], len(hashes))):
            bits[k // 8] |= (bytes.fromhex(hashes[k])[-1] & 1) << k % 8
        self.r = bytes(bits) + height.to_bytes(8, "big")
        if round_number >= self.p["stall_rounds"]:
            self.stall()
        self.number = 0
        self.audit()
        if parent is not None:
            self.place_what_the_parent_made(parent)
        self.top_up()
        self.unlock()
        fees = 0
        for transaction in transactions[1:]:
            forms.check(transaction, self.genesis)
            fees += self.transact(transaction)
        self.reward(transactions[0]["body"]["key"], fees)
        self.count_misses()
        self.expire()
        for subject in ("problem", "grammar"):
            self.draw(subject)
        for subject in ("problem", "grammar"):
            self.switch(subject)

    # --- entries

    def change(self, key, **fields):
        """Set fields of an entry; one that is all zeros is no entry."""
        value = {**self.entries.get(key, {}), **fields}
        if any(value.values()):
            self.entries[key] = value
        else:
            self.entries.pop(key, None)

    def under(self, prefix):
        """The keys that begin so, ascending."""
        return sorted(key for key in self.entries if key.startswith(prefix))

    def account(self, address):
        return self.entries.get(f"account/{address}", {"balance": 0, "sequence": 0})

    def credit(self, address, amount):
        account = self.account(address)
        self.change(f"account/{address}", **{**account, "balance": account["balance"] + amount})

    def supply(self, issued=0, burned=0):
        s = self.entries.get("supply", {"issued": 0, "burned": 0})
        require(s["issued"] + issued < 2**53, "supply")
        self.change("supply", issued=s["issued"] + issued, burned=s["burned"] + burned)

    def pool(self, amount):
        now = self.entries.get("keeper_pool", {"amount": 0})["amount"]
        self.change("keeper_pool", amount=now + amount)

    # --- steps 2 and 4

    def unlock(self):
        """The reward that matures, the bonds that are due."""
        matured = self.entries.pop(f"reward/{self.h - self.p['maturity_blocks']}", None)
        if matured:
            self.credit(matured["address"], matured["amount"])
        for key in self.under("keeper/"):
            keeper = self.entries[key]
            if keeper["leaving"] and keeper["leaving"] + self.p["unbond_blocks"] <= self.h:
                address = key.split("/")[1]
                self.credit(address, keeper["bond"])
                for other in self.under("challenge/"):
                    if self.entries[other]["address"] == address:
                        del self.entries[other]
                del self.entries[key]

    def subsidy(self, height):
        return self.p["initial_subsidy"] >> (height // self.p["halving_blocks"])

    def keeper_share(self, height):
        return self.subsidy(height) * self.p["keeper_share_ppm"] // 10**6

    def reward(self, key, fees):
        subsidy, share = self.subsidy(self.h), self.keeper_share(self.h)
        self.supply(issued=subsidy)
        self.pool(share)
        if subsidy - share + fees:
            address = base.address(bytes.fromhex(key))
            self.entries[f"reward/{self.h}"] = {"address": address, "amount": subsidy - share + fees}

    # --- step 3

    def transact(self, transaction):
        """Apply a signed transaction and return its fee."""
        kind, body, fee = transaction["kind"], transaction["body"], transaction["fee"]
        sender = base.address(bytes.fromhex(transaction["key"]))
        txid = base.digest("transaction", transaction)
        require(self.account(sender)["sequence"] == transaction["sequence"], "sequence")
        self.change(f"account/{sender}", **self.account(sender) | {"sequence": transaction["sequence"] + 1})
        self.debit(sender, fee)
        getattr(self, kind)(sender, txid, body)
        return fee

    def debit(self, sender, amount):
        balance = self.account(sender)["balance"]
        require(balance >= amount, "overdraft")
        self.change(f"account/{sender}", balance=balance - amount)

    def transfer(self, sender, txid, body):
        self.debit(sender, sum(output["amount"] for output in body["outputs"]))
        for output in body["outputs"]:
            self.credit(output["to"], output["amount"])

    def keeper(self, sender, txid, body):
        old = self.entries.get(f"keeper/{sender}")
        used, bond = (old["used"], old["bond"]) if old else (0, 0)
        require(not old or old["leaving"] == 0, "the keeper is leaving")
        rate = -(-self.p["bond_per_gib"] * body["capacity"] // 2**30)
        require(body["capacity"] >= max(1, used) and body["bond"] >= max(bond, rate), "capacity or bond")
        self.debit(sender, body["bond"] - bond)
        new = {"used": 0, "misses": 0, "leaving": 0} if old is None else old
        self.entries[f"keeper/{sender}"] = {**new, **body}

    def leave(self, sender, txid, body):
        keeper = self.entries.get(f"keeper/{sender}")
        require(keeper is not None and keeper["leaving"] == 0, "no keeper, or leaving already")
        self.send_away(sender)

    def storage_proof(self, sender, txid, body):
        key = f"challenge/{body['height']}/{body['number']}"
        challenge = self.entries.get(key)
        require(challenge is not None and challenge["address"] == sender, "no challenge for this keeper")
        require(body["height"] + 1 <= self.h <= body["height"] + self.p["proof_blocks"], "not now")
        name, size = challenge["object"], self.entries[f"object/{challenge['object']}"]["bytes"]
        data = base64.b64decode(body["data"])
        require(len(data) == min(1024, size - 1024 * challenge["chunk"]), "length of the chunk")
        path = [bytes.fromhex(node) for node in body["path"]]
        root = base.climb(data, challenge["chunk"], chunks_of(size), path)
        require(root == bytes.fromhex(name), "not the chunk")
        del self.entries[key]
        replica = self.entries.get(f"replica/{name}/{sender}")
        if replica and not replica["proven"]:
            self.change(f"replica/{name}/{sender}", proven=1)
            for proposal in self.under("proposal/"):
                if self.entries[proposal]["data"] == name:
                    self.change(proposal, proven=self.entries[proposal]["proven"] + 1)
        self.change(f"keeper/{sender}", misses=0)
        self.pool(-challenge["pay"])
        self.credit(sender, challenge["pay"])
