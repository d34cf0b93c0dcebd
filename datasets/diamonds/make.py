"""Make the shipped data set of diamonds out of the original table.

    python datasets/diamonds/make.py diamonds.csv

``diamonds.csv`` (53 940 rows) is the table of ggplot2, as plotnine ships it in ``plotnine/data``.
"""

import csv
import hashlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from datasets.packing import Examples, pack  # noqa: E402

ROWS = 53_940
TRAIN = 12_000
VALIDATION = 4_000
CUTS = ("Fair", "Good", "Very Good", "Premium", "Ideal")
NUMBERS = ("carat", "depth", "table", "price", "x", "y", "z")
CATEGORIES = {"color": tuple("DEFGHIJ"), "clarity": ("I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF")}
FEATURES = len(NUMBERS) + sum(len(names) for names in CATEGORIES.values())

MANIFEST = {
    "title": "Diamonds: the cut from the rest",
    "summary": "Say how well a diamond is cut (fair, good, very good, premium, ideal) from its weight, "
    "colour, clarity, price and measures. 12 000 diamonds to learn from, 4 000 others to be judged by. Two "
    "of five are ideal, so saying so of all is wrong in 60% of cases.",
    "licence": "MIT",
    "source": "https://ggplot2.tidyverse.org/reference/diamonds.html",
    "task": "classification",
    "metric": "accuracy",
    "classes": len(CUTS),
    "conversion": "Rows in ascending order of SHA3-256 of their line in the file, as plotnine 0.15 ships it, "
    "quotes included; the first 12 000 to train, the next 4 000 to validate. Inputs 1 to 7 are carat, depth, "
    "table, price, x, y, z: with the 0.5% and 99.5% values a and b of the training rows (sorted, "
    "positions 60 and 11 939), floor(255 · (value − a) / (b − a)), cut to 0 … 255, in hundredths. Then 7 "
    "inputs for the colours D to J and 8 for the clarities I1, SI2, SI1, VS2, VS1, VVS2, VVS1, IF: 255 "
    "where it is the diamond's, else 0.",
}
VARIANTS = {
    "problem": (
        "devnet",
        {
            "floor_error": 500000,
            "min_macs": 1000,
            "max_macs": 100000,
            "max_parameters": 120000,
            "min_active_blocks": 20,
        },
    ),
}


def read_rows(path: Path) -> list[dict[str, str]]:
    """All rows, in the order that hashing their lines gives."""
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    if len(lines) != ROWS:
        raise SystemExit(f"{path} does not hold {ROWS} rows")
    lines.sort(key=lambda line: hashlib.sha3_256(line.encode()).digest())
    return list(csv.DictReader([header, *lines]))


def measure(rows: list[dict[str, str]]) -> dict[str, tuple[int, int]]:
    """Of each number, the lowest and the highest value that is told apart, in hundredths."""
    bounds = {}
    for name in NUMBERS:
        values = sorted(to_hundredths(row[name]) for row in rows)
        bounds[name] = (values[len(values) // 200], values[-1 - len(values) // 200])
    return bounds


def to_hundredths(text: str) -> int:
    """A number with at most two decimals as an integer: no rounding differs between machines."""
    whole, _, decimals = text.partition(".")
    if len(decimals) > 2:
        raise SystemExit(f"{text} has more than two decimals")
    return int(whole) * 100 + int(decimals.ljust(2, "0"))


def encode_row(row: dict[str, str], bounds: dict[str, tuple[int, int]]) -> bytes:
    """The inputs of a diamond."""
    inputs = []
    for name in NUMBERS:
        low, high = bounds[name]
        inputs.append(min(max(255 * (to_hundredths(row[name]) - low) // (high - low), 0), 255))
    for name, values in CATEGORIES.items():
        inputs.extend(255 * (row[name] == value) for value in values)
    return bytes(inputs)


def main() -> None:
    """Write the data set and its manifest beside this file."""
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    rows = read_rows(Path(sys.argv[1]))
    train, validation = rows[:TRAIN], rows[TRAIN : TRAIN + VALIDATION]
    bounds = measure(train)

    def collect(part: list[dict[str, str]]) -> Examples:
        return b"".join(encode_row(row, bounds) for row in part), [CUTS.index(row["cut"]) for row in part]

    pack(
        HERE,
        shape=(FEATURES, 1, 1),
        train=collect(train),
        validation=collect(validation),
        manifest=MANIFEST,
        variants=VARIANTS,
    )


if __name__ == "__main__":
    main()
