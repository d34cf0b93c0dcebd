"""Steps 0, 6, 7 and 8, and the transactions of the vote (docs/protocol.md §2, §7.2, §8)."""

import hashlib

from tests.second import contents
from tests.second import primitives as base
from tests.second.refused import require
from tests.second.storage import four, number


class Draw:
    """The part of the ledger that is about proposals."""

    def read(self, name):
        return self.proposed[name] if name in self.proposed else self.objects(name)

    def drawn(self):
        """The proposals that are pending or active."""
        keys = [f"{place}/{subject}" for place in ("pending", "active") for subject in ("problem", "grammar")]
        return [self.entries[key]["proposal"] for key in keys if key in self.entries]

    # --- transactions

    def propose(self, sender, txid, body):
        raw = body["content"].encode()
        content, data, data_bytes = base.object_id(raw), "", 0
        for subject in ("problem", "grammar"):
            require(self.entries[f"active/{subject}"]["content"] != content, "the content is active")
        for key in self.under("proposal/"):
            require(self.entries[key]["content"] != content, "the content is proposed already")
        if body["subject"] == "problem":
            manifest = contents.problem_of(raw, self.p)
            data, data_bytes = manifest["data"], manifest["data_bytes"]
            known = self.entries.get(f"object/{data}", {"bytes": data_bytes, "model": 0, "proposals": 0})
            require(known["bytes"] == data_bytes, "the data set is known with another length")
            self.change(f"object/{data}", **{**known, "proposals": known["proposals"] + 1})
        deposit = self.p["proposal_deposit"] - (-self.p["proposal_deposit_per_mib"] * data_bytes // 2**20)
        self.debit(sender, deposit)
        self.proposed[content] = raw
        self.entries[f"proposal/{txid}"] = {
            "subject": body["subject"],
            "content": content,
            "proposer": sender,
            "deposit": deposit,
            "height": self.h,
            "data": data,
            "data_bytes": data_bytes,
            "proven": self.proven(data),
        }

    def proven(self, name):
        """How many replicas of an object are here that answered."""
        keys = self.under(f"replica/{name}/") if name else []
        return sum(self.entries[key]["proven"] for key in keys)

    def support(self, sender, txid, body):
        proposal = body["proposal"]
        require(f"proposal/{proposal}" in self.entries, "no such proposal")
        require(proposal not in self.drawn(), "the proposal is drawn")
        self.debit(sender, body["amount"])
        self.entries[f"stake/{proposal}/{txid}"] = {
            "address": sender,
            "amount": body["amount"],
            "height": self.h,
        }

    def withdraw(self, sender, txid, body):
        epoch, beacon = self.p["epoch_blocks"], self.p["beacon_blocks"]
        fixed = [x - beacon for x in range(self.h, self.h + beacon) if x % epoch == 0]
        freed = 0
        for key in self.under(f"stake/{body['proposal']}/"):
            stake = self.entries[key]
            if stake["address"] == sender and not any(stake["height"] <= last for last in fixed):
                freed += stake["amount"]
                del self.entries[key]
        require(freed > 0, "nothing to free")
        self.credit(sender, freed)

    # --- steps

    def unlock_stakes(self, proposal, burn=False):
        for key in self.under(f"stake/{proposal}/"):
            stake = self.entries.pop(key)
            if burn:
                self.supply(burned=stake["amount"])
            else:
                self.credit(stake["address"], stake["amount"])

    def end(self, proposal):
        """The entry of a proposal goes."""
        self.release(self.entries.pop(f"proposal/{proposal}")["data"])

    def stall(self):
        """Step 0: back to the genesis contents."""
        for subject in ("problem", "grammar"):
            active = self.entries[f"active/{subject}"]
            if active["proposal"]:
                fresh = {"proposal": "", "content": self.genesis[subject], "since": self.h}
                self.entries[f"active/{subject}"] = fresh
                self.end(active["proposal"])
            pending = self.entries.pop(f"pending/{subject}", None)
            if pending:
                self.end(pending["proposal"])

    def expire(self):
        """Step 6."""
        for key in self.under("proposal/"):
            entry, txid = self.entries[key], key.split("/")[1]
            if entry["height"] + self.p["proposal_blocks"] > self.h or txid in self.drawn():
                continue
            self.unlock_stakes(txid)
            if self.p["data_replicas"] > 0 and entry["data"] and entry["proven"] == 0:
                self.supply(burned=entry["deposit"])
            else:
                self.credit(entry["proposer"], entry["deposit"])
            self.end(txid)

    def is_due(self, subject):
        if self.h % self.p["epoch_blocks"] or f"pending/{subject}" in self.entries:
            return False
        active = self.entries[f"active/{subject}"]
        least = self.p["min_active_blocks"]
        if subject == "problem":
            least = base.parse(self.read(active["content"]))["min_active_blocks"]
        return self.h - active["since"] >= least

    def draw(self, subject):
        """Step 7 for one subject."""
        if not self.is_due(subject):
            return
        rows = []
        for key in self.under("proposal/"):
            txid = key.split("/")[1]
            if self.entries[key]["subject"] != subject or txid in self.drawn():
                continue
            stakes = [self.entries[k] for k in self.under(f"stake/{txid}/")]
            last = self.h - self.p["beacon_blocks"]
            rows.append((txid, sum(stake["amount"] for stake in stakes if stake["height"] <= last)))
        total = sum(stake for _, stake in rows)
        supply = self.entries["supply"]
        if total == 0 or total * 10**6 < self.p["quorum_ppm"] * (supply["issued"] - supply["burned"]):
            return
        winner = self.pick(subject, rows, total)
        self.draws.append(self.told(subject, rows, total, winner))
        if self.is_skipped(subject, self.entries[f"proposal/{winner}"]):
            return
        self.unlock_stakes(winner, burn=self.p["selection"] == "auction")
        entry = self.entries[f"proposal/{winner}"]
        self.credit(entry["proposer"], entry["deposit"])
        self.change(f"proposal/{winner}", deposit=0)
        at = self.h + self.p["switch_delay"]
        self.entries[f"pending/{subject}"] = {"proposal": winner, "height": at}

    def pick(self, subject, rows, total):
        if self.p["selection"] != "proportional":
            most = max(stake for _, stake in rows)
            return min(txid for txid, stake in rows if stake == most)
        x = number(b"coinai/1/draw/" + subject.encode() + b"\n", self.r) % total
        for txid, stake in rows:
            if x < stake:
                return txid
            x -= stake
        raise ArithmeticError("x is below the total")

    def told(self, subject, rows, total, winner):
        """A draw in the form in which sites show it."""
        supply = self.entries["supply"]
        x = number(b"coinai/1/draw/" + subject.encode() + b"\n", self.r) % total
        return {
            "height": self.h,
            "subject": subject,
            "beacon": self.r[:32].hex(),
            "total": total,
            "selection": self.p["selection"],
            "quorum_ppm": self.p["quorum_ppm"],
            "circulating": supply["issued"] - supply["burned"],
            "proposals": [{"txid": txid, "stake": stake} for txid, stake in rows],
            "x": x,
            "winner": winner,
        }

    def is_skipped(self, subject, entry):
        if subject == "problem" and self.proven(entry["data"]) < self.p["data_replicas"]:
            return True
        pair = {
            "problem": self.coming("problem"),
            "grammar": self.coming("grammar"),
            subject: entry["content"],
        }
        problem = base.parse(self.read(pair["problem"]))
        rules = contents.grammar_of(self.read(pair["grammar"]), self.p)
        minable = 0
        for i in range(256):
            seed = hashlib.sha3_512(b"coinai/1/trial\n" + self.r + four(i)).digest()
            minable += contents.is_minable(seed, rules, problem, self.p)
        return minable < 16

    def coming(self, subject):
        """The content that is pending, else the active one."""
        pending = self.entries.get(f"pending/{subject}")
        if pending:
            return self.entries[f"proposal/{pending['proposal']}"]["content"]
        return self.entries[f"active/{subject}"]["content"]

    def switch(self, subject):
        """Step 8: what is pending for the next block becomes active in it."""
        pending = self.entries.get(f"pending/{subject}")
        if pending is None or pending["height"] != self.h + 1:
            return
        del self.entries[f"pending/{subject}"]
        old = self.entries[f"active/{subject}"]["proposal"]
        content = self.entries[f"proposal/{pending['proposal']}"]["content"]
        self.entries[f"active/{subject}"] = {
            "proposal": pending["proposal"],
            "content": content,
            "since": self.h + 1,
        }
        if old:
            self.end(old)
