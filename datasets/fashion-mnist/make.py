"""Make the shipped subset of Fashion-MNIST out of the four original files.

    python datasets/fashion-mnist/make.py [FOLDER WITH *-ubyte.gz]

The default folder is the one of Debian's package dataset-fashion-mnist.
"""

import gzip
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from datasets.packing import Examples, pack  # noqa: E402

PIXELS = 28 * 28
CLASSES = 10
TRAIN_PER_CLASS = 1200
VALIDATION_PER_CLASS = 400

MANIFEST = {
    "title": "Fashion-MNIST, 16 000 pictures",
    "summary": "Tell ten kinds of clothing apart on grey pictures of 28 × 28 pixels: T-shirt, trouser, "
    "pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot. A balanced subset of Fashion-MNIST "
    "(Xiao, Rasul and Vollgraf, 2017): 12 000 pictures to learn from, 4 000 others to be judged by.",
    "licence": "MIT, Copyright (c) 2017 Zalando SE, https://tech.zalando.com",
    "source": "https://github.com/zalandoresearch/fashion-mnist",
    "task": "classification",
    "metric": "accuracy",
    "classes": CLASSES,
    "conversion": "Pixels unchanged. train: of the 60 000 original training pictures the first 1 200 of each "
    "class; validation: of the 10 000 original test pictures the first 400 of each class; both in their "
    "original order.",
}
VARIANTS = {
    "problem": (
        "devnet",
        {
            "floor_error": 500000,
            "min_macs": 50000,
            "max_macs": 750000,
            "max_parameters": 500000,
            "min_active_blocks": 20,
        },
    ),
    "problem-main": (
        "main",
        {
            "floor_error": 300000,
            "min_macs": 200000,
            "max_macs": 5000000,
            "max_parameters": 2000000,
            "min_active_blocks": 2160,
        },
    ),
}


def read_examples(folder: Path, prefix: str, per_class: int) -> Examples:
    """The first ``per_class`` examples of each class, in order; the files are IDX: a header, then bytes."""
    pictures = gzip.decompress((folder / f"{prefix}-images-idx3-ubyte.gz").read_bytes())[16:]
    labels = gzip.decompress((folder / f"{prefix}-labels-idx1-ubyte.gz").read_bytes())[8:]
    taken = [0] * CLASSES
    chosen = []
    for number, label in enumerate(labels):
        if taken[label] < per_class:
            taken[label] += 1
            chosen.append(number)
    x = b"".join(pictures[number * PIXELS : (number + 1) * PIXELS] for number in chosen)
    return x, [labels[number] for number in chosen]


def main() -> None:
    """Write the data set and its manifests beside this file."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "/usr/share/datasets/fashion-mnist")
    pack(
        HERE,
        shape=(1, 28, 28),
        train=read_examples(folder, "train", TRAIN_PER_CLASS),
        validation=read_examples(folder, "t10k", VALIDATION_PER_CLASS),
        manifest=MANIFEST,
        variants=VARIANTS,
    )


if __name__ == "__main__":
    main()
