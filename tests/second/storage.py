"""Steps 1 and 5: audits, placement, top-ups, first challenges and misses (docs/protocol.md §7.2, §9)."""

import hashlib

from tests.second import primitives as base


def number(prefix, *parts):
    return int.from_bytes(hashlib.sha3_512(prefix + b"".join(parts)).digest(), "big")


def four(i):
    return i.to_bytes(4, "big")


class Storage:
    """The part of the ledger that is about objects and keepers."""

    def chunks(self, name):
        return -(-self.entries[f"object/{name}"]["bytes"] // 1024)

    def challenge(self, name, address, chunk, pay, first):
        self.entries[f"challenge/{self.h}/{self.number}"] = {
            "object": name,
            "address": address,
            "chunk": chunk,
            "pay": pay,
            "first": first,
        }
        self.number += 1

    def audit(self):
        """Draw proven replicas; the keeper share of the block before is divided among the challenges."""
        proven = [key for key in self.under("replica/") if self.entries[key]["proven"]]
        if not proven:
            return
        drawn = []
        for j in range(self.p["audits_per_block"]):
            x = number(b"coinai/1/audit\n", self.r, four(j))
            replica = proven[x % len(proven)]
            if replica not in [key for key, _ in drawn]:
                name = replica.split("/")[1]
                drawn.append((replica, x // len(proven) % self.chunks(name)))
        for replica, chunk in drawn:
            _, name, address = replica.split("/")
            self.challenge(name, address, chunk, self.keeper_share(self.h - 1) // len(drawn), 0)

    def place_what_the_parent_made(self, parent):
        model = parent["model"]
        known = self.entries.get(f"object/{model}")
        if known:
            self.change(f"object/{model}", model=1)
        else:
            self.change(f"object/{model}", bytes=parent["model_bytes"], model=1, proposals=0)
        self.place(model, 2**53)
        for transaction in parent["transactions"][1:]:
            if transaction["kind"] == "propose" and transaction["body"]["subject"] == "problem":
                data = base.parse(transaction["body"]["content"].encode())["data"]
                if f"object/{data}" in self.entries:
                    self.place(data, 2**53)

    def top_up(self):
        room = self.p["topup_per_block"]
        for key in self.under("object/"):
            room -= self.place(key.split("/")[1], room)

    def factor(self, name):
        entry = self.entries[f"object/{name}"]
        return max(
            self.p["model_replicas"] if entry["model"] else 0,
            self.p["data_replicas"] if entry["proposals"] else 0,
        )

    def place(self, name, most):
        """Replicas up to the factor, while a keeper has room; how many were placed."""
        size = self.entries[f"object/{name}"]["bytes"]
        placed = 0
        while placed < most:
            i = len(self.under(f"replica/{name}/"))
            eligible = []
            for key in self.under("keeper/"):
                keeper, address = self.entries[key], key.split("/")[1]
                if keeper["leaving"] or f"replica/{name}/{address}" in self.entries:
                    continue
                if keeper["capacity"] - keeper["used"] >= size:
                    eligible.append((address, keeper["capacity"] - keeper["used"]))
            if i >= self.factor(name) or not eligible:
                break
            total = sum(free for _, free in eligible)
            x = number(b"coinai/1/assign\n", bytes.fromhex(name), self.r, four(i)) % total
            start = 0
            for candidate, free in eligible:
                if start <= x < start + free:
                    address = candidate
                start += free
            self.entries[f"replica/{name}/{address}"] = {"height": self.h, "proven": 0}
            self.change(f"keeper/{address}", used=self.entries[f"keeper/{address}"]["used"] + size)
            packed = bytes.fromhex(name) + base.bytes_of_address(address)
            chunk = number(b"coinai/1/first\n", packed, self.r) % self.chunks(name)
            self.challenge(name, address, chunk, 0, 1)
            placed += 1
        return placed

    def drop(self, name, address):
        """Take a replica from a keeper, if it is there."""
        if self.entries.pop(f"replica/{name}/{address}", None):
            size = self.entries[f"object/{name}"]["bytes"]
            self.change(f"keeper/{address}", used=self.entries[f"keeper/{address}"]["used"] - size)

    def send_away(self, address):
        """A keeper leaves or is ejected: its replicas go, its challenges stay."""
        self.change(f"keeper/{address}", leaving=self.h)
        for key in self.under("replica/"):
            if key.split("/")[2] == address:
                self.drop(key.split("/")[1], address)

    def release(self, name):
        """A proposal that named this data set ended."""
        if not name:
            return
        entry = self.entries[f"object/{name}"]
        self.change(f"object/{name}", proposals=entry["proposals"] - 1)
        if entry["proposals"] == 1 and not entry["model"]:
            for key in self.under(f"replica/{name}/"):
                self.drop(name, key.split("/")[2])
            for key in self.under("challenge/"):
                if self.entries[key]["object"] == name:
                    del self.entries[key]
            del self.entries[f"object/{name}"]

    def count_misses(self):
        """Challenges that nobody answered in time."""
        due = self.under(f"challenge/{self.h - self.p['proof_blocks']}/")
        for key in sorted(due, key=lambda key: int(key.split("/")[2])):
            missed = self.entries.pop(key, None)
            if missed is None:
                continue
            address, name = missed["address"], missed["object"]
            keeper = self.entries[f"keeper/{address}"]
            burned = 0 if missed["first"] else keeper["bond"] * self.p["slash_ppm"] // 10**6
            self.supply(burned=burned)
            misses = keeper["misses"] + 1
            self.change(f"keeper/{address}", misses=misses, bond=keeper["bond"] - burned)
            self.drop(name, address)
            for other in self.under("challenge/"):
                if (self.entries[other]["object"], self.entries[other]["address"]) == (name, address):
                    del self.entries[other]
            if misses >= self.p["max_misses"] and not keeper["leaving"]:
                self.send_away(address)
