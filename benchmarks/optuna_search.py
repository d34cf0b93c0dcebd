"""A plain search with Optuna over the layers of the default grammar, for the benchmark of mining.

It may choose whatever it likes, which no miner may: neither the layers nor the wiring come from a hash. So it
has the easier task, and trains with the plain loop and Optuna's own pruner.
"""

import hashlib

import optuna

from benchmarks.networks import Task
from protocol.architecture import Architecture, check_minable, parse_architecture
from protocol.errors import ProtocolError

MOST_BLOCKS = 6
"""More are rare in the grammar (one network in six), and seldom minable."""
FILTERS = (4, 6, 8, 12, 16, 20, 24, 32, 40, 48, 64, 96)
UNITS = (12, 16, 24, 32, 48, 64, 96, 128)
KERNELS = (1, 3, 5)
ACTIVATIONS = ("relu", "tanh", "sigmoid")
STARTUP_TRIALS = 10


def create_study(seed: int) -> optuna.Study:
    """Optuna as its documentation begins: tree-structured Parzen estimators, and the median pruner."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS),
    )


def ask_minable(study: optuna.Study, task: Task) -> tuple[optuna.trial.Trial, bytes, Architecture]:
    """The next trial that is within the problem's bounds, with a wiring of its own; others count as
    pruned.
    """
    while True:
        trial = study.ask()
        text = choose_layers(trial)
        try:
            architecture = parse_architecture(text, task.problem.shape, task.problem.classes)
            check_minable(architecture, task.problem, task.params)
        except ProtocolError:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            continue
        seed = hashlib.sha3_512(f"{study.study_name}/{trial.number}".encode()).digest()
        return trial, seed, architecture


def choose_layers(trial: optuna.trial.Trial) -> str:
    """The tokens of a network, every choice of the grammar a parameter."""

    def choose(name: str, *options: str | int) -> str:
        return str(trial.suggest_categorical(name, options))

    tokens = []
    for number in range(trial.suggest_int("blocks", 1, MOST_BLOCKS)):
        kind = choose(f"{number} kind", "conv", "residual", "separable", "pool max", "pool avg")
        tokens.append(kind)
        if kind in ("conv", "separable"):
            tokens.append(choose(f"{number} filters", *FILTERS))
        if kind == "separable":
            tokens.append("3")
        elif kind in ("conv", "residual"):
            tokens.append(choose(f"{number} kernel", *KERNELS))
        if not kind.startswith("pool"):
            tokens.append(choose(f"{number} activation", *ACTIVATIONS))
    tokens.append(choose("reduce", "flatten", "gap"))
    for number in range(trial.suggest_int("dense", 0, 2)):
        tokens += [
            "fc",
            choose(f"units {number}", *UNITS),
            choose(f"dense activation {number}", *ACTIVATIONS),
        ]
    return " ".join(tokens)
