"""Mines real blocks for tests within milliseconds: random features, the last layer fitted by least squares.

No torch: a nonce's network gets random weights within its wiring, and only the last layer is learned. On
the digits that is good for some 10 to 60% error, below the testing network's floor of 70%.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasets import load_genesis_problem
from protocol.architecture import Architecture, TensorSpec, derive_architecture, parse_architecture
from protocol.blocks import VERSION, Block, Genesis, Header, seal_header, transactions_root
from protocol.commitment import MuHash
from protocol.context import NO_PAST, Past
from protocol.crypto import public_key
from protocol.data_set import DataSetView, check_data_set
from protocol.errors import NotMinable
from protocol.evaluation import compute_logits, evaluate
from protocol.grammar import Grammar, compute_seed, parse_grammar, shipped_grammar
from protocol.ledger import StateReader, active_contents, apply_block
from protocol.merkle import object_id
from protocol.model_file import Model, ModelTensors, read_model, wiring_mask, write_model
from protocol.params import ChainParams
from protocol.problem import Problem, parse_problem
from protocol.tensor_file import TensorView
from protocol.threshold import compute_opening, compute_quality, compute_threshold
from protocol.transactions import Reward, SignedTransaction, Transaction

EXAMPLES = 400  # training examples that the last layer is fitted on
MAX_FEATURES = 300  # wider networks are passed over: fitting them takes longer
MAX_MACS = 60_000


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What is mined for: problem, data set and grammar, parsed. One object for the same contents."""

    params: ChainParams
    problem: Problem
    data_set: DataSetView
    grammar: Grammar


@dataclass(frozen=True, slots=True)
class Mined:
    """A nonce with a model that is good enough."""

    nonce: int
    model: bytes
    error: int
    architecture: Architecture

    @property
    def model_id(self) -> str:
        """The model's object id."""
        return object_id(self.model)


@functools.cache
def load_task(params: ChainParams) -> Task:
    """The genesis problem of a network, from the files that ship with the software."""
    manifest, data = load_genesis_problem(params.network)
    problem = parse_problem(manifest, params)
    grammar = parse_grammar(shipped_grammar("default"))
    return Task(params, problem, check_data_set(data, problem, params), grammar)


_drawn: dict[tuple[ChainParams, str, str], Task] = {}


def read_task(params: ChainParams, problem: str, grammar: str, read: Callable[[str], bytes | None]) -> Task:
    """What was drawn, from its objects by their ids."""
    key = params, problem, grammar
    if key not in _drawn:
        manifest = parse_problem(_require(read, problem), params)
        data_set = check_data_set(_require(read, manifest.data), manifest, params)
        _drawn[key] = Task(params, manifest, data_set, parse_grammar(_require(read, grammar)))
    return _drawn[key]


def _require(read: Callable[[str], bytes | None], name: str) -> bytes:
    data = read(name)
    if data is None:
        raise LookupError(f"there is no object {name}")
    return data


@functools.cache
def mine(
    params: ChainParams,
    previous: str,
    transactions: str,
    *,
    max_error: int = 700_000,
    start: int = 0,
    task: Task | None = None,
) -> Mined:
    """The first nonce from ``start`` on whose small network reaches ``max_error`` (ppm) without training.

    Without a ``task`` for the genesis problem of the network.
    """
    task = task or load_task(params)
    for nonce in range(start, start + 100_000):
        seed = compute_seed(previous, transactions, nonce)
        try:
            _, architecture = derive_architecture(params, task.grammar, task.problem, seed)
        except NotMinable:
            continue
        if architecture.macs > MAX_MACS or architecture.tensors[-1].shape[1] > MAX_FEATURES:
            continue
        data = write_model(architecture, fit_tensors(task, architecture, seed))
        error = evaluate(read_model(data, architecture, seed), task.problem, task.data_set)
        if error <= max_error:
            return Mined(nonce, data, error, architecture)
    raise LookupError(f"no nonce reaches an error of {max_error} ppm without training")


def make_block(
    params: ChainParams,
    genesis: Genesis,
    *,
    parent: Header,
    reader: StateReader,
    accumulator: MuHash,
    secret: bytes,
    signed: Sequence[SignedTransaction] = (),
    round: int = 3,
    max_error: int | None = None,
    start: int = 0,
    past: Past = NO_PAST,
) -> tuple[Block, Mined]:
    """A valid block on ``parent``, whose ledger ``reader`` and ``accumulator`` show, mined and sealed with
    ``secret``. What was drawn, its data set too, is read through ``past``.

    In round 3 the threshold has fallen below the parent's, so that a chain of such blocks never gets
    harder.
    """
    height = parent.height + 1
    body: tuple[Transaction, ...] = (Reward(params.network, height, public_key(secret).hex()), *signed)
    contents = active_contents(reader, genesis, params, round)
    if (contents.problem, contents.grammar) == (genesis.problem, genesis.grammar):
        task = load_task(params)
    else:
        task = read_task(params, contents.problem, contents.grammar, past.get_content)
    floor = task.problem.floor
    opening = compute_opening(params, parent=parent, problem=contents.problem, floor=floor)
    threshold = compute_threshold(params, floor=floor, opening=opening, round=round)
    transition = apply_block(
        params,
        genesis,
        reader,
        accumulator,
        height=height,
        round=round,
        transactions=body,
        parent=parent,
        past=past,
    )
    root = transactions_root(body)
    largest = min(max_error or 10**6, _largest_error(threshold))
    mined = mine(params, parent.hash, root, max_error=largest, start=start, task=task)
    header = Header(
        network=params.network,
        version=VERSION,
        height=height,
        previous=parent.hash,
        round=round,
        timestamp=parent.timestamp + (round + 1) * params.round_seconds,
        threshold=threshold,
        problem=contents.problem,
        grammar=contents.grammar,
        transactions=root,
        nonce=mined.nonce,
        model=mined.model_id,
        model_bytes=len(mined.model),
        error=mined.error,
        state=transition.state,
        seal="",
    )
    return Block(seal_header(header, secret), body), mined


def _largest_error(threshold: int) -> int:
    """The largest error whose quality reaches the threshold."""
    least, most = 1, 10**6
    while least < most:
        middle = (least + most + 1) // 2
        least, most = (middle, most) if compute_quality(middle) >= threshold else (least, middle - 1)
    return least


def fit_tensors(task: Task, architecture: Architecture, seed: bytes) -> Sequence[ModelTensors]:
    """Random tensors within the wiring, and a last one fitted to one-hot labels."""
    rng = np.random.default_rng(int.from_bytes(seed[:8], "big"))
    tensors = [_draw(spec, seed, rng) for spec in architecture.tensors[:-1]]
    features = _compute_features(task, architecture, tensors)
    labels = _as_array(task.data_set.train_y)[:EXAMPLES]
    mask = wiring_mask(seed, architecture.tensors[-1])
    return [*tensors, _fit_last(features, labels, mask)]


def _draw(spec: TensorSpec, seed: bytes, rng: np.random.Generator) -> ModelTensors:
    weight = np.where(wiring_mask(seed, spec), rng.integers(-64, 65, spec.shape), 0).astype(np.int8)
    fan_in = max(1.0, float(np.count_nonzero(weight)) / spec.outputs)
    shift = round(np.log2(37 * np.sqrt(fan_in)))
    skip = np.full(spec.outputs, max(0, shift - 1), np.uint8) if spec.has_skip else None
    bias = rng.integers(-1000, 1001, spec.outputs, dtype=np.int32)
    return ModelTensors(weight, bias, np.full(spec.outputs, shift, np.int8), skip)


def _compute_features(
    task: Task, architecture: Architecture, tensors: Sequence[ModelTensors]
) -> NDArray[np.float64]:
    """What the last layer reads [n, features]: the logits of the same network with an identity as its last
    layer.
    """
    width = architecture.tensors[-1].shape[1]
    open_ended = parse_architecture(architecture.text, task.problem.shape, width)
    identity = ModelTensors(np.eye(width, dtype=np.int8), np.zeros(width, np.int32), None, None)
    model = Model(open_ended, (*tensors, identity))
    return compute_logits(model, _as_array(task.data_set.train_x)[:EXAMPLES]).astype(np.float64)


def _fit_last(
    features: NDArray[np.float64], labels: NDArray[np.uint16], mask: NDArray[np.bool_]
) -> ModelTensors:
    classes, width = mask.shape
    means = features.mean(axis=0)
    weight = np.zeros((classes, width))
    offset = np.zeros(classes)
    for label in range(classes):
        chosen = features[:, mask[label]] - means[mask[label]]
        target = (labels == label) - (labels == label).mean()
        gram = chosen.T @ chosen + 1000 * np.eye(chosen.shape[1])
        weight[label, mask[label]] = np.linalg.solve(gram, chosen.T @ target)
        offset[label] = (labels == label).mean() - weight[label] @ means
    scale = 127 / max(1e-12, np.abs(weight).max())
    bias = np.clip(np.rint(offset * scale), -(2**20), 2**20)  # were all features constant
    return ModelTensors(np.rint(weight * scale).astype(np.int8), bias.astype(np.int32), None, None)


def _as_array(tensor: TensorView) -> NDArray:
    dtype = "u1" if tensor.dtype == "U8" else "<u2"
    return np.frombuffer(tensor.data, dtype=dtype).reshape(tensor.shape)
