"""What exactness costs: the integer evaluation of a model against PyTorch's float32, and against NumPy."""

import statistics
from functools import partial

from benchmarks.measure import interleave, print_table
from benchmarks.networks import (
    FoldedNetwork,
    build_network,
    find_architectures,
    load_task,
    make_model,
    train_briefly,
)
from protocol.evaluation import FastNetwork
from protocol.params import DEVNET
from workers.scoring import choose_batch, compute_logits

NETWORKS, ROUNDS = 8, 5


def run(quick: bool) -> None:
    """Print seconds and ratios for the devnet's first minable networks."""
    task = load_task(DEVNET)
    pixels = task.data.validation_x
    rows, ratios, slower = [], [], []
    for seed, architecture in find_architectures(task, 3 if quick else NETWORKS):
        network = build_network(seed, architecture)
        train_briefly(task, network)
        model, folded = make_model(task, network, seed), FoldedNetwork(network)
        fast = FastNetwork(model)
        turns = interleave(
            [
                partial(folded.predict, task.examples.validation_x, choose_batch(architecture)),
                partial(compute_logits, model, pixels),
                partial(fast.compute_logits, pixels),
            ],
            2 if quick else ROUNDS,
        )
        floats, exact, numpy = (statistics.median(times) for times in turns)
        ratios.append(exact / floats)
        slower.append(numpy / floats)
        text = architecture.text if len(architecture.text) < 60 else architecture.text[:57] + "…"
        times = (f"{floats:.3f}", f"{exact:.3f}", f"{numpy:.3f}", f"{ratios[-1]:.2f}", f"{slower[-1]:.2f}")
        rows.append((f"`{text}`", f"{architecture.macs:,}".replace(",", " "), *times))
    middle = (f"**{statistics.median(ratios):.2f}**", f"{statistics.median(slower):.2f}")
    rows.append(("median", "", "", "", "", *middle))
    print_table(
        "Exact evaluation",
        "CPU seconds for the devnet's 4 000 validation pictures. Float32 is PyTorch on the same network with "
        "its normalization folded into the weights, channels last, the same batches. MACs: multiply-"
        "accumulates for one picture.",
        (
            "network",
            "multiply-accumulates",
            "float32",
            "exact",
            "NumPy",
            "exact ÷ float32",
            "NumPy ÷ float32",
        ),
        rows,
    )
