"""Bringing many rows into empty tables: without indexes and constraints, which are made again at the end.

All in one database transaction: a load that is interrupted leaves the tables as they were.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

Say = Callable[[str], None]

CONSTRAINTS = """
SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid), contype::text
FROM pg_constraint
WHERE contype IN ('p', 'u', 'f', 'x') AND (conrelid = ANY(%s::regclass[]) OR confrelid = ANY(%s::regclass[]))
ORDER BY contype = 'f' DESC, conname
"""
INDEXES = """
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
WHERE indrelid = ANY(%s::regclass[])
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u', 'x'))
ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Removed:
    """What was taken off the tables, as the statements that put it back, each with a name for it."""

    statements: Sequence[tuple[str, str]]


def clear(tables: Sequence[str]) -> None:
    """Delete all rows of the tables, and of those that refer to them."""
    _execute(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY CASCADE")  # the names are ours


def remove_indexes(tables: Sequence[str]) -> Removed:
    """Take all indexes, keys and foreign keys off the tables (and foreign keys to them off others)."""
    _execute("SET CONSTRAINTS ALL IMMEDIATE")  # none may be waiting to be checked when it goes
    names = list(tables)
    constraints = _query(CONSTRAINTS, [names, names])
    for table, name, _, _ in constraints:
        _execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    indexes = _query(INDEXES, [names])
    for name, _ in indexes:
        _execute(f"DROP INDEX {name}")
    restored = [
        (name, f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}", kind == "f")
        for table, name, definition, kind in constraints
    ]
    keys = [(name, statement) for name, statement, is_foreign in restored if not is_foreign]
    foreign = [(name, statement) for name, statement, is_foreign in restored if is_foreign]
    return Removed([*keys, *((name, statement) for name, statement in indexes), *foreign])


def restore_indexes(removed: Removed, say: Say) -> None:
    """Put everything back."""
    _execute("SET LOCAL maintenance_work_mem = '512MB'")
    for number, (name, statement) in enumerate(removed.statements, start=1):
        say(f"index {number} of {len(removed.statements)}: {name}")
        _execute(statement)


def copy(columns: Mapping[str, Sequence[str]], texts: Mapping[str, str]) -> None:
    """Append lines in the text form of COPY to tables that `clear` emptied in this transaction."""
    with connection.cursor() as cursor:
        for table, text in texts.items():
            names = ", ".join(f'"{name}"' for name in columns[table])
            # FREEZE: nobody else sees these rows before the commit, and no vacuum has to visit them later.
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN WITH (FREEZE)") as writer:
                writer.write(text)


def analyse(tables: Sequence[str]) -> None:
    """Let the planner know what is in the tables."""
    for table in tables:
        _execute(f"ANALYZE {table}")


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _query(statement: str, parameters: Sequence[list[str]]) -> Sequence[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()
