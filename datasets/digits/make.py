"""Make the shipped data set of handwritten digits out of the original file.

    python datasets/digits/make.py optdigits.tes

``optdigits.tes`` (1797 lines of 64 values and a label) is the test part of the UCI set; scikit-learn ships
the same lines as ``sklearn/datasets/data/digits.csv.gz``, which is read as well.
"""

import gzip
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from datasets.packing import Examples, pack  # noqa: E402

EXAMPLES = 1797
VALIDATION = 597

MANIFEST = {
    "title": "Handwritten digits, 8 × 8",
    "summary": "Read handwritten digits on pictures of 8 × 8 pixels. The test part of the Optical "
    "Recognition of Handwritten Digits data set (Alpaydin and Kaynak, 1998): 1 200 pictures to learn from, "
    "597 others to be judged by. Small: a network trains within seconds.",
    "licence": "Creative Commons Attribution 4.0 International (CC BY 4.0)",
    "source": "https://doi.org/10.24432/C50P49",
    "task": "classification",
    "metric": "accuracy",
    "classes": 10,
    "conversion": "Values 0 to 16 became min(16 · value, 255). Sorted by class, then by original order, the "
    "597 validation pictures are those at positions p with floor((p + 1) · 597 / 1797) > "
    "floor(p · 597 / 1797); both parts are then back in their original order.",
}
VARIANTS = {
    "problem": (
        "testing",
        {
            "floor_error": 700000,
            "min_macs": 5000,
            "max_macs": 300000,
            "max_parameters": 100000,
            "min_active_blocks": 4,
        },
    ),
    "problem-devnet": (
        "devnet",
        {
            "floor_error": 700000,
            "min_macs": 5000,
            "max_macs": 300000,
            "max_parameters": 100000,
            "min_active_blocks": 20,
        },
    ),
}


def read_lines(path: Path) -> list[list[int]]:
    """The 1797 rows of 64 values and a label."""
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("ascii")
    rows = [[int(float(value)) for value in line.split(",")] for line in text.split()]
    if len(rows) != EXAMPLES or any(len(row) != 65 for row in rows):
        raise SystemExit(f"{path} does not hold {EXAMPLES} lines of 65 values")
    return rows


def choose_validation(labels: list[int]) -> set[int]:
    """The numbers of the validation examples: spread evenly over the classes and over each class."""
    by_class = sorted(range(EXAMPLES), key=lambda number: (labels[number], number))
    return {
        number
        for place, number in enumerate(by_class)
        if (place + 1) * VALIDATION // EXAMPLES > place * VALIDATION // EXAMPLES
    }


def main() -> None:
    """Write the data set and its manifest beside this file."""
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    rows = read_lines(Path(sys.argv[1]))
    held_out = choose_validation([row[64] for row in rows])

    def collect(numbers: list[int]) -> Examples:
        x = bytes(min(16 * value, 255) for number in numbers for value in rows[number][:64])
        return x, [rows[number][64] for number in numbers]

    pack(
        HERE,
        shape=(1, 8, 8),
        train=collect([number for number in range(EXAMPLES) if number not in held_out]),
        validation=collect(sorted(held_out)),
        manifest=MANIFEST,
        variants=VARIANTS,
    )


if __name__ == "__main__":
    main()
