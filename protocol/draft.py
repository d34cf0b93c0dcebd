"""Entries while a block is applied: the ports to those before it, and a draft of those after it (§7.1)."""

from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from protocol.commitment import Change, Entry
from protocol.encoding import MAX_INTEGER, JsonValue
from protocol.errors import AmountOverflow, Overdraft, WrongSequence, WrongUndo
from protocol.transactions import SignedTransaction

_NO_ACCOUNT: Final[Mapping[str, JsonValue]] = {"balance": 0, "sequence": 0}
NO_SUPPLY: Final[Mapping[str, JsonValue]] = {"issued": 0, "burned": 0}
NO_POOL: Final[Mapping[str, JsonValue]] = {"amount": 0}


class StateReader(Protocol):
    """The entries before a block. It never shows the changes of the block that is being applied."""

    def get(self, key: str, /) -> Entry | None:
        """Return the entry, or None when it is absent."""

    def scan(self, prefix: str, /) -> Iterable[tuple[str, Entry]]:
        """Return all entries whose key begins with ``prefix``, in ASCII order of their keys."""


class Draft:
    """The entries as the block leaves them so far, over those before it; itself a StateReader."""

    def __init__(self, reader: StateReader) -> None:
        self.reader = reader
        self._before: dict[str, Entry | None] = {}
        """What was read: entries as they were before the block."""
        self._after: dict[str, Entry | None] = {}
        """What was put. Only this is looked through when it is about changes: scans read much more."""
        self._families: dict[str, set[str]] = {}
        """The keys of ``_after`` by what stands before their first slash."""
        self._scanned: dict[str, dict[str, Entry]] = {}
        """What the reader gave for a prefix, so that it is asked once a block."""

    def get(self, key: str) -> Entry | None:
        """Return the entry as it stands now, or None."""
        if key in self._after:
            return self._after[key]
        if key not in self._before:
            self._before[key] = self.reader.get(key)
        return self._before[key]

    def require(self, key: str) -> Entry:
        """Return an entry that the rules say is there. Raises: LookupError, a fault of the software."""
        value = self.get(key)
        if value is None:
            raise LookupError(f"the ledger has no {key}")
        return value

    def scan(self, prefix: str) -> list[tuple[str, Entry]]:
        """Return the entries that stand now and whose key begins with ``prefix``, in ASCII order."""
        found = self._read(prefix)
        changed = [key for key in self._list_family(prefix) if key.startswith(prefix)]
        if not changed:
            return list(found.items())
        found = found.copy()
        for key in changed:
            value = self._after[key]
            if value is None:
                found.pop(key, None)
            else:
                found[key] = value
        return sorted(found.items(), key=_get_key)

    def put(self, key: str, value: Entry | None) -> None:
        """Set an entry; None, or a value of nothing but zeros and empty texts, removes it."""
        self.get(key)  # remembers what was there before
        for part in () if value is None else value.values():
            if type(part) is int and part > MAX_INTEGER:
                raise AmountOverflow(key)
        self._after[key] = None if value is None or _is_default(value) else value
        self._families.setdefault(key.partition("/")[0], set()).add(key)

    def take(self, later: "Draft") -> None:
        """Take over what a draft on top of this one changed."""
        for change in later.changes():
            self.put(change.key, change.after)

    def add_to(self, key: str, default: Mapping[str, JsonValue], field: str, amount: int) -> None:
        """Add to one number of an entry."""
        value = self.get(key) or default
        self.put(key, {**value, field: integer(value, field) + amount})

    def credit(self, address: str, amount: int) -> None:
        """Add to what an address can spend."""
        self.add_to(f"account/{address}", _NO_ACCOUNT, "balance", amount)

    def burn(self, amount: int) -> None:
        """Count coins as burned that were taken out of an entry."""
        self.add_to("supply", NO_SUPPLY, "burned", amount)

    def check_turn(self, transaction: SignedTransaction) -> None:
        """Check that it is the sender's turn with this transaction. Raises: WrongSequence."""
        account = self.get(f"account/{transaction.sender}") or _NO_ACCOUNT
        expected = integer(account, "sequence")
        if transaction.sequence != expected:
            raise WrongSequence(transaction.sender, transaction.sequence, expected)

    def debit(self, transaction: SignedTransaction, amount: int) -> None:
        """Take ``amount`` and the fee from the sender, whose turn it must be. Raises: WrongSequence,
        Overdraft.
        """
        self.check_turn(transaction)
        sender, needed = transaction.sender, amount + transaction.fee
        account = self.get(f"account/{sender}") or _NO_ACCOUNT
        balance = integer(account, "balance")
        if needed > balance:
            raise Overdraft(sender, balance, needed)
        self.put(f"account/{sender}", {"balance": balance - needed, "sequence": transaction.sequence + 1})

    def touched(self, prefix: str) -> list[str]:
        """Return the keys with ``prefix`` that differ from before, in ASCII order."""
        return sorted(
            key for key in self._list_family(prefix) if key.startswith(prefix) and self._is_changed(key)
        )

    def changes(self) -> tuple[Change, ...]:
        """Return what differs from before, in order of the keys."""
        return tuple(
            Change(key, self._before[key], self._after[key])
            for key in sorted(self._after)
            if self._is_changed(key)
        )

    def _read(self, prefix: str) -> dict[str, Entry]:
        found = self._scanned.get(prefix)
        if found is None:
            found = self._scanned[prefix] = dict(self.reader.scan(prefix))
            self._before.update(found)
        return found

    def _is_changed(self, key: str) -> bool:
        return self._before[key] != self._after[key]

    def _list_family(self, prefix: str) -> Iterable[str]:
        """The keys that were put and may begin with ``prefix``."""
        family, slash, _ = prefix.partition("/")
        return self._families.get(family, ()) if slash else self._after


def _get_key(item: tuple[str, Entry]) -> str:
    return item[0]


def integer(value: Entry, field: str) -> int:
    """Return a number of an entry. Raises: TypeError when the database holds something else."""
    number = value[field]
    if type(number) is not int:
        raise TypeError(f"{field} of a ledger entry is not an integer")
    return number


def _is_default(value: Entry) -> bool:
    return not any(value.values())


class MemoryState:
    """Entries in memory, for tests, vectors and replays of whole chains."""

    def __init__(self, entries: Mapping[str, Entry] | None = None) -> None:
        self.entries: dict[str, Entry] = dict(entries or {})

    def get(self, key: str) -> Entry | None:
        """Return the entry, or None when it is absent."""
        return self.entries.get(key)

    def scan(self, prefix: str) -> list[tuple[str, Entry]]:
        """Return all entries whose key begins with ``prefix``, in ASCII order of their keys."""
        found = sorted(key for key in self.entries if key.startswith(prefix))
        return [(key, self.entries[key]) for key in found]

    def apply(self, changes: Iterable[Change]) -> None:
        """Connect or, with `undo`, disconnect a block. Raises: WrongUndo for those of another state."""
        for change in changes:
            if self.entries.get(change.key) != change.before:
                raise WrongUndo(change.key)
            if change.after is None:
                self.entries.pop(change.key, None)
            else:
                self.entries[change.key] = change.after
