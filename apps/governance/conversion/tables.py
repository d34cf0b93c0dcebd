"""Tables, CSV and Parquet, into examples."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    import _csv

from apps.governance.conversion.examples import Column, Examples, Inputs, Limits, Mask, Options
from apps.governance.conversion.labels import number_classes
from apps.governance.conversion.parts import choose_validation
from apps.governance.conversion.quantize import quantize_categories, quantize_numbers
from apps.governance.errors import BadCell, BadLabels, BadTable, NothingToLearn, UploadTooLarge

LABEL_NAMES: Final = ("label", "class", "target", "y", "category")
"""A column of this name is the class unless the proposer names another; else the last one is."""
PART_NAMES: Final = ("split", "part", "subset", "fold")
_VALIDATION_WORDS: Final = frozenset({"validation", "valid", "val", "test", "eval"})
_TRAIN_WORDS: Final = frozenset({"train", "training"})
_EMPTY: Final = frozenset({"", "?", "NA", "N/A", "null", "NULL", "None"})
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_MAX_CELL: Final = 2_000
_SURE: Final = 0.9
"""A column of which this share are numbers is meant to be numbers: the others are mistakes."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table as texts, whatever file it came from."""

    source: str
    names: tuple[str, ...]
    columns: tuple[list[str], ...]
    """Of each column its cells, an empty text where there is none."""
    lines: tuple[int, ...] = ()
    """Where each row ends in the file, if it is a file of lines; the first line is 1."""

    @property
    def rows(self) -> int:
        """How many examples there are."""
        return len(self.columns[0])


def read_csv(path: Path, limits: Limits) -> Table:
    """Read a CSV file in UTF-8 with a header; the separator is found. Raises: BadTable, UploadTooLarge."""
    csv.field_size_limit(_MAX_CELL)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            delimiter = _find_delimiter(file.readline())
            file.seek(0)
            return _read_rows(csv.reader(file, delimiter=delimiter, strict=True), limits)
    except UnicodeDecodeError as error:
        raise _find_bad_text(path) from error


def _find_bad_text(path: Path) -> BadTable:
    """Where a file is not UTF-8: whoever reads it in pieces knows only the place within one of them."""
    content = path.read_bytes()
    try:
        content.decode()
        start = len(content)
    except UnicodeDecodeError as error:
        start = error.start
    line, begin = content.count(b"\n", 0, start) + 1, content.rfind(b"\n", 0, start) + 1
    delimiter = _find_delimiter(content.partition(b"\n")[0].decode(errors="replace"))
    before = next(csv.reader([content[begin:start].decode("utf-8-sig")], delimiter=delimiter), [""])
    return BadTable(f"column {len(before)} is not UTF-8 text; save it again as UTF-8", line)


def read_parquet(path: Path, limits: Limits) -> Table:
    """Read a Parquet file of plain columns. Raises: BadTable, BadCell, UploadTooLarge."""
    import pyarrow  # 60 MB of libraries that only conversions need
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(path)
        _check_size(file.metadata.num_rows, len(file.schema_arrow.names), limits)
        unpacked = sum(
            file.metadata.row_group(number).total_byte_size for number in range(file.num_row_groups)
        )
        if unpacked > limits.max_unpacked_bytes:
            raise UploadTooLarge("Bytes that the table unpacks to", unpacked, limits.max_unpacked_bytes)
        table = file.read()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise BadTable(f"it is no whole Parquet file ({type(error).__name__})") from error
    names = _check_names(table.column_names, None)
    columns = [_to_texts(name, table.column(number)) for number, name in enumerate(names)]
    return Table("parquet", names, tuple(columns))


def convert_table(table: Table, options: Options, limits: Limits) -> Examples:
    """Make examples out of a table: one column is the class, one may say which part a row belongs to.

    Raises: BadCell, BadLabels, BadTable, NothingToLearn, UploadTooLarge.
    """
    try:
        return _convert(table, options, limits)
    except BadCell as error:
        if table.lines:
            error.line = table.lines[error.row - 1]
        raise


def _convert(table: Table, options: Options, limits: Limits) -> Examples:
    label = _find_label(table, options)
    part = next((name for name in table.names if name.lower() in PART_NAMES and name != label), None)
    values = [value.strip() for value in _get_column(table, label)]
    for row, value in enumerate(values, start=1):
        if value in _EMPTY:
            raise BadCell(row, label, "the class is missing")
        _refuse_formula(row, label, value)
    labels, class_names = number_classes(values, limits)
    is_validation = None if part is None else _read_parts(part, _get_column(table, part))
    features = [name for name in table.names if name not in (label, part)]
    if not features:
        raise NothingToLearn("the table has no column besides the class")
    if is_validation is None:
        keys = [
            "\x1f".join(row).encode()
            for row in zip(*(_get_column(table, name) for name in features), strict=True)
        ]
        is_validation = choose_validation(keys, labels, options.validation_ppm)
    inputs, columns = _quantize(table, features, ~is_validation, limits)
    note = f"The class is the column {label}: {', '.join(class_names)}." if len(class_names) <= 20 else ""
    return Examples(
        table.source, inputs, labels, class_names, is_validation, columns, (note,) if note else ()
    )


def _read_rows(reader: "_csv.Reader", limits: Limits) -> Table:
    lines: list[int] = []
    try:
        names = _check_names(next(reader, []), 1)
        columns: tuple[list[str], ...] = tuple([] for _ in names)
        for row in reader:
            if not row:
                continue  # a blank line, as at the end of many files
            if len(row) != len(names):
                raise BadTable(f"{len(row)} cells, the header has {len(names)}", reader.line_num)
            lines.append(reader.line_num)
            for column, cell in zip(columns, row, strict=True):
                column.append(cell)
            if len(lines) % 4096 == 0:
                _check_size(len(lines), len(names), limits)
    except csv.Error as error:
        raise BadTable(str(error), reader.line_num) from error
    _check_size(len(lines), len(names), limits)
    return Table("csv", names, columns, tuple(lines))


def _find_delimiter(header: str) -> str:
    return max((",", ";", "\t", "|"), key=header.count)


def _check_names(names: Sequence[str], line: int | None) -> tuple[str, ...]:
    stripped = tuple(name.strip() for name in names)
    if not stripped or stripped == ("",):
        raise BadTable("it is empty; the first line names the columns", line)
    for number, name in enumerate(stripped, start=1):
        if not name:
            raise BadTable(f"column {number} has no name", line)
        if name in stripped[: number - 1]:
            raise BadTable(f"two columns have the name {name[:60]!r}", line)
        if any(ord(character) < 32 for character in name):
            raise BadTable(f"the name of column {number} has control characters", line)
    return stripped


def _check_size(rows: int, columns: int, limits: Limits) -> None:
    if rows > limits.max_rows:
        raise UploadTooLarge("Rows", rows, limits.max_rows)
    if columns > limits.max_columns:
        raise UploadTooLarge("Columns", columns, limits.max_columns)


def _to_texts(name: str, column: Any) -> list[str]:
    import pyarrow

    kind = column.type
    if not (
        pyarrow.types.is_integer(kind)
        or pyarrow.types.is_floating(kind)
        or pyarrow.types.is_boolean(kind)
        or pyarrow.types.is_string(kind)
        or pyarrow.types.is_large_string(kind)
        or pyarrow.types.is_dictionary(kind)
    ):
        raise BadTable(f"column {name[:60]!r} has the type {kind}; use numbers or texts")
    texts = []
    for row, value in enumerate(column.to_pylist(), start=1):
        if isinstance(value, float) and not math.isfinite(value):
            raise BadCell(row, name, f"{value} is no number to learn from")
        texts.append("" if value is None else repr(value) if isinstance(value, float) else str(value))
    return texts


def _find_label(table: Table, options: Options) -> str:
    if options.label:
        if options.label not in table.names:
            raise BadTable(
                f"there is no column {options.label[:60]!r}; there are {', '.join(table.names[:30])}"
            )
        return options.label
    if table.rows < 4:
        raise BadTable(f"it has {table.rows} rows")
    named = [name for name in table.names if name.lower() in LABEL_NAMES]
    return named[0] if named else table.names[-1]


def _get_column(table: Table, name: str) -> list[str]:
    return table.columns[table.names.index(name)]


def _read_parts(name: str, cells: list[str]) -> Mask:
    result = np.zeros(len(cells), dtype=np.bool_)
    for row, cell in enumerate(cells, start=1):
        word = cell.strip().lower()
        if word not in _VALIDATION_WORDS | _TRAIN_WORDS:
            raise BadCell(row, name, f"{cell[:60]!r} is neither train nor validation")
        result[row - 1] = word in _VALIDATION_WORDS
    if result.all() or not result.any():
        raise BadLabels(
            f"the column {name!r} puts every row on one side; both train and validation are needed"
        )
    return result


def _quantize(
    table: Table, features: list[str], basis: Mask, limits: Limits
) -> tuple[Inputs, tuple[Column, ...]]:
    parts: list[Inputs] = []
    columns: list[Column] = []
    for name in features:
        cells = [cell.strip() for cell in _get_column(table, name)]
        numbers = _read_numbers(name, cells)
        if numbers is not None:
            part, column = quantize_numbers(name, numbers, basis)
        else:
            for row, cell in enumerate(cells, start=1):
                _refuse_formula(row, name, cell)
            part, column = quantize_categories(
                name, ["" if cell in _EMPTY else cell for cell in cells], basis
            )
        columns.append(column)
        if part is not None:
            parts.append(part)
    if not parts:
        raise NothingToLearn("every column is constant, a name or free text")
    inputs = np.concatenate(parts, axis=1)
    if inputs.shape[1] > limits.max_inputs:
        raise UploadTooLarge("Inputs of one example", inputs.shape[1], limits.max_inputs)
    return inputs[:, :, None, None], tuple(columns)


def _read_numbers(name: str, cells: list[str]) -> np.typing.NDArray[np.float64] | None:
    """The cells as numbers, NaN where empty; None when the column is of texts. Raises: BadCell."""
    values = np.full(len(cells), np.nan)
    wrong: tuple[int, str] | None = None
    count = filled = 0
    for row, cell in enumerate(cells):
        if cell in _EMPTY:
            continue
        filled += 1
        number = _parse_number(cell)
        if number is None:
            wrong = wrong or (row + 1, cell)
            continue
        if not math.isfinite(number):
            raise BadCell(row + 1, name, f"{cell[:30]} is no number to learn from; leave the cell empty")
        values[row] = number
        count += 1
    if wrong is not None:
        if count >= _SURE * filled and count:
            raise BadCell(
                wrong[0], name, f"{wrong[1][:60]!r} is not a number, as the others of the column are"
            )
        return None
    return values


def _parse_number(cell: str) -> float | None:
    lowered = cell.lower()
    if "_" in cell or lowered in {"infinity", "-infinity", "+infinity"}:
        return None
    try:
        return float(cell)
    except ValueError:
        return None


def _refuse_formula(row: int, column: str, cell: str) -> None:
    # A spreadsheet that opens this data again would run it.
    if cell.startswith(_FORMULA) and _parse_number(cell) is None and len(cell) > 1:
        raise BadCell(row, column, f"{cell[:30]!r} looks like a formula; send its value")
