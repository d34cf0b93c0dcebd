"""What a verification says: how far it is, what it counted, and the first thing that does not agree."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from apps.chain.models import Block
from protocol.blocks import Block as BlockContents
from protocol.errors import ProtocolError
from protocol.ledger import Change


class Disagreement(Exception):
    """The first thing that is not as the blocks say: where it is, which part of the check saw it, and why."""

    def __init__(self, part: str, detail: str, *, row: Block | None = None, code: int = 0) -> None:
        super().__init__(detail)
        self.part = part
        self.detail = detail
        self.height = None if row is None else row.height
        self.block = "" if row is None else row.hash
        self.code = code

    @classmethod
    def by_rule(cls, part: str, row: Block, error: ProtocolError) -> "Disagreement":
        """A block that breaks a rule."""
        return cls(part, error.detail, row=row, code=error.code)

    def __str__(self) -> str:
        place = "" if self.height is None else f"block {self.height} ({self.block}): "
        code = f" (code {self.code})" if self.code else ""
        return f"{place}{self.part}: {self.detail}{code}"


class Incomplete(Exception):
    """Something without which the check cannot go on is not here; nothing was found to be wrong."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A block that keeps all rules, what it did to the ledger, and the time of its parent (Unix seconds)."""

    block: Block
    contents: BlockContents
    changes: Sequence[Change]
    parent_timestamp: int


@dataclass(slots=True)
class Findings:
    """What was checked, in numbers."""

    first: int = 0
    last: int = 0
    tip: str = ""
    blocks: int = 0
    transactions: int = 0
    models: int = 0
    """Models whose error was computed again."""
    missing_models: int = 0
    first_missing: int | None = None
    """The height of the first block whose model is not here."""
    entries: int = 0
    """Entries of the ledger that were held against the rows."""
    projections: list[str] = field(default_factory=list)
    """What was held against the blocks besides."""

    @property
    def is_complete(self) -> bool:
        """Whether everything that was to be checked was here."""
        return self.missing_models == 0

    def miss_model(self, height: int) -> None:
        """Note that a block's model is not here."""
        self.missing_models += 1
        if self.first_missing is None:
            self.first_missing = height


Progress = Callable[[Findings, int], None]
"""Called with the findings so far and the height that will be the last."""
