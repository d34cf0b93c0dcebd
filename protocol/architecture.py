"""Derived text -> typed layers with shapes, parameters and multiply-accumulates; wiring (§4.3, §4.4).

Shapes are (channels, height, width); a vector of n values has the shape (n, 1, 1).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from protocol.crypto import shake256
from protocol.encoding import JsonValue, encode
from protocol.errors import (
    InvalidArchitecture,
    MacsOutOfRange,
    ModelTooLarge,
    TooManyParameters,
    TrivialArchitecture,
)
from protocol.grammar import Derivation, DerivationRule, Grammar, derive, derive_text
from protocol.params import ChainParams
from protocol.problem import Problem

Shape = tuple[int, int, int]
LayerKind = Literal["conv", "residual", "separable", "pool", "flatten", "gap", "fc", "output"]

MODEL_FORMAT = "coinai/1"
ACTIVATIONS = ("relu", "tanh", "sigmoid")
_NUMBER = re.compile(r"[1-9][0-9]{0,5}")
_POOL_MODES = ("max", "avg")
_ITEM_BYTES = {"I8": 1, "U8": 1, "I32": 4}
# Upper bounds of a model file's header: its length, the metadata and the blanks; one of the at most four
# parts of a tensor without its two offsets: a name, four dimensions of up to 12 digits, what is between.
_HEADER_BYTES = 8 + 64 + 8
_PART_BYTES = 16 + 4 * 12 + 56


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One weight tensor of an architecture, with the tensors that come with it (docs/protocol.md §6.2)."""

    index: int
    """t, its number in the architecture: it fixes the wiring and the names in the model file."""
    shape: tuple[int, ...]
    """[O, I, K, K], depthwise [O, 1, K, K], fully connected [O, I]."""
    has_shift: bool
    """Its sums are requantised; false for the last layer, whose sums are the logits."""
    has_skip: bool
    """A residual layer: the shifted input is added."""
    depthwise: bool
    """Each output channel reads only the input channel of its number."""

    @property
    def outputs(self) -> int:
        """O, the output channels."""
        return self.shape[0]

    @property
    def weights(self) -> int:
        """How many weights it has, connected or not."""
        count = 1
        for size in self.shape:
            count *= size
        return count

    @property
    def parts(self) -> tuple[tuple[str, str, tuple[int, ...]], ...]:
        """The tensors in the model file: (name, safetensors type, shape), in the order of their names."""
        channels = (self.outputs,)
        parts = [(f"{self.index:04d}.bias", "I32", channels)]
        if self.has_shift:
            parts.append((f"{self.index:04d}.shift", "I8", channels))
        if self.has_skip:
            parts.append((f"{self.index:04d}.skip", "U8", channels))
        return (*parts, (f"{self.index:04d}.weight", "I8", self.shape))

    @property
    def size(self) -> int:
        """Bytes of its parts in the model file."""
        return self.weights + self.outputs * (4 + self.has_shift + self.has_skip)


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of an architecture."""

    kind: LayerKind
    activation: str
    """"relu", "tanh" or "sigmoid"; "" for none."""
    filters: int
    """F of a convolution, its output channels; U of a fully connected layer; 0 for the others."""
    kernel: int
    """K of a convolution, else 0."""
    mode: str
    """"max" or "avg" for a pooling layer, else ""."""
    input: Shape
    output: Shape
    parameters: int
    """Weights and biases."""
    macs: int
    """Multiply-accumulates an example; biases do not count."""
    tensors: tuple[TensorSpec, ...]


@dataclass(frozen=True, slots=True)
class Architecture:
    """A network as a nonce fixes it, its last layer included."""

    text: str
    layers: tuple[Layer, ...]
    parameters: int
    macs: int
    tensors: tuple[TensorSpec, ...]


class _Reader:
    """Reads the tokens from left to right, and keeps the shape between the layers."""

    def __init__(self, tokens: list[str], shape: Shape) -> None:
        self.tokens = tokens
        self.position = 0
        self.shape = shape
        self.is_vector = False
        self.layers: list[Layer] = []
        self.tensors = 0

    def next_token(self, what: str) -> str:
        """The next token, of which ``what`` is expected."""
        if self.position == len(self.tokens):
            raise InvalidArchitecture(self.position, f"the text ends where {what} is expected")
        self.position += 1
        return self.tokens[self.position - 1]

    def refuse(self, reason: str) -> InvalidArchitecture:
        """The error for the token that was read last."""
        return InvalidArchitecture(self.position - 1, reason)

    def number(self, what: str) -> int:
        """A number from 1 to 999 999."""
        token = self.next_token(what)
        if _NUMBER.fullmatch(token) is None:
            raise self.refuse(f"{_shown(token)} is not {what}, a number from 1 to 999999")
        return int(token)

    def activation(self) -> str:
        """An activation's name."""
        token = self.next_token("an activation")
        if token not in ACTIVATIONS:
            raise self.refuse(f"{_shown(token)} is not an activation (relu, tanh, sigmoid)")
        return token

    def tensor(self, shape: tuple[int, ...], *, has_shift: bool = True, **flags: bool) -> TensorSpec:
        """The next weight tensor."""
        self.tensors += 1
        return TensorSpec(
            self.tensors - 1,
            shape,
            has_shift=has_shift,
            has_skip=flags.get("has_skip", False),
            depthwise=flags.get("depthwise", False),
        )

    def add(
        self,
        kind: LayerKind,
        output: Shape,
        tensors: tuple[TensorSpec, ...] = (),
        *,
        activation: str = "",
        filters: int = 0,
        kernel: int = 0,
        mode: str = "",
    ) -> None:
        """Append a layer; every weight is used once at each place of the output."""
        weights = sum(tensor.weights for tensor in tensors)
        parameters = weights + sum(tensor.outputs for tensor in tensors)
        macs = weights * output[1] * output[2]
        self.layers.append(
            Layer(kind, activation, filters, kernel, mode, self.shape, output, parameters, macs, tensors)
        )
        self.shape = output


def _read_conv(reader: _Reader) -> None:
    filters = reader.number("the number of filters")
    kernel = reader.number("the size of the filters")
    activation = reader.activation()
    channels, height, width = reader.shape
    tensor = reader.tensor((filters, channels, kernel, kernel))
    reader.add(
        "conv", (filters, height, width), (tensor,), activation=activation, filters=filters, kernel=kernel
    )


def _read_residual(reader: _Reader) -> None:
    kernel = reader.number("the size of the filters")
    activation = reader.activation()
    channels = reader.shape[0]
    tensor = reader.tensor((channels, channels, kernel, kernel), has_skip=True)
    reader.add("residual", reader.shape, (tensor,), activation=activation, filters=channels, kernel=kernel)


def _read_separable(reader: _Reader) -> None:
    filters = reader.number("the number of filters")
    kernel = reader.number("the size of the filters")
    activation = reader.activation()
    channels, height, width = reader.shape
    tensors = (
        reader.tensor((channels, 1, kernel, kernel), depthwise=True),
        reader.tensor((filters, channels, 1, 1)),
    )
    reader.add(
        "separable", (filters, height, width), tensors, activation=activation, filters=filters, kernel=kernel
    )


def _read_pool(reader: _Reader) -> None:
    mode = reader.next_token("max or avg")
    if mode not in _POOL_MODES:
        raise reader.refuse(f"{_shown(mode)} is not a way to pool (max, avg)")
    channels, height, width = reader.shape
    if height < 2 or width < 2:
        raise reader.refuse(f"{height} × {width} values cannot be pooled by 2 × 2")
    reader.add("pool", (channels, height // 2, width // 2), mode=mode)


def _read_flatten(reader: _Reader) -> None:
    channels, height, width = reader.shape
    reader.add("flatten", (channels * height * width, 1, 1))
    reader.is_vector = True


def _read_gap(reader: _Reader) -> None:
    reader.add("gap", (reader.shape[0], 1, 1))
    reader.is_vector = True


def _read_fc(reader: _Reader) -> None:
    units = reader.number("the number of units")
    activation = reader.activation()
    tensor = reader.tensor((units, reader.shape[0]))
    reader.add("fc", (units, 1, 1), (tensor,), activation=activation, filters=units)


_SPATIAL: dict[str, Callable[[_Reader], None]] = {
    "conv": _read_conv,
    "residual": _read_residual,
    "separable": _read_separable,
    "pool": _read_pool,
    "flatten": _read_flatten,
    "gap": _read_gap,
}
_VECTOR: dict[str, Callable[[_Reader], None]] = {"fc": _read_fc}


def parse_architecture(text: str, shape: Shape, classes: int) -> Architecture:
    """Read a derived text as a network from inputs of ``shape`` to ``classes`` outputs (§4.3).

    Raises: InvalidArchitecture.
    """
    reader = _Reader(text.split(), shape)
    while reader.position < len(reader.tokens) or not reader.is_vector:
        word = reader.next_token("flatten or gap")
        read = (_VECTOR if reader.is_vector else _SPATIAL).get(word)
        if read is None:
            place = "after flatten or gap" if reader.is_vector else "before flatten and gap"
            raise reader.refuse(f"{_shown(word)} is not a layer {place}")
        read(reader)
    tensor = reader.tensor((classes, reader.shape[0]), has_shift=False)
    reader.add("output", (classes, 1, 1), (tensor,), filters=classes)
    layers = tuple(reader.layers)
    return Architecture(
        " ".join(reader.tokens),
        layers,
        sum(layer.parameters for layer in layers),
        sum(layer.macs for layer in layers),
        tuple(tensor for layer in layers for tensor in layer.tensors),
    )


def check_minable(architecture: Architecture, problem: Problem, params: ChainParams) -> None:
    """Refuse a network outside the bounds of its problem and the chain (docs/protocol.md §4.3).

    Raises: TrivialArchitecture, TooManyParameters, MacsOutOfRange, ModelTooLarge.
    """
    if len(architecture.tensors) < 2:
        raise TrivialArchitecture
    most_parameters = min(problem.max_parameters, params.max_parameters)
    if architecture.parameters > most_parameters:
        raise TooManyParameters(architecture.parameters, most_parameters)
    most_macs = min(problem.max_macs, params.max_macs)
    if not problem.min_macs <= architecture.macs <= most_macs:
        raise MacsOutOfRange(architecture.macs, problem.min_macs, most_macs)
    # Its header is written only where its length can decide: that takes longer than all the rest.
    if _bound_model_bytes(architecture) > params.max_model_bytes:
        size = model_bytes(architecture)
        if size > params.max_model_bytes:
            raise ModelTooLarge(size, params.max_model_bytes)


def derive_architecture(
    params: ChainParams, grammar: Grammar, problem: Problem, seed: bytes
) -> tuple[Derivation, Architecture]:
    """The derivation and the network that ``seed`` (64 bytes) fixes (docs/protocol.md §4).

    Raises a ``NotMinable``: DerivationTooLong, InvalidArchitecture, or those of ``check_minable``.
    """
    derivation = derive(grammar, seed, max_choices=params.max_choices, rule=_rule(params))
    architecture = parse_architecture(derivation.text, problem.shape, problem.classes)
    check_minable(architecture, problem, params)
    return derivation, architecture


def scan_architecture(params: ChainParams, grammar: Grammar, problem: Problem, seed: bytes) -> Architecture:
    """The network of ``derive_architecture`` without the derivation, several times faster: to try nonces.

    Raises: as ``derive_architecture``.
    """
    text = derive_text(grammar, seed, max_choices=params.max_choices, rule=_rule(params))
    architecture = parse_architecture(text, problem.shape, problem.classes)
    check_minable(architecture, problem, params)
    return architecture


def _rule(params: ChainParams) -> DerivationRule:
    return "paper" if params.derivation == "paper" else "refill"


def wiring_bits(seed: bytes, tensor_index: int, count: int) -> bytes:
    """Which of the first ``count`` weights of a tensor may be non-zero (docs/protocol.md §4.4).

    Bit j, least significant first, belongs to weight j in C order; surplus bits of the last byte are 0.
    """
    data = b"coinai/1/wiring\n" + seed + tensor_index.to_bytes(4, "big")
    bits = shake256(data, (count + 7) // 8)
    surplus = -count % 8
    return bits[:-1] + bytes([bits[-1] & (0xFF >> surplus)]) if surplus else bits


def model_header(architecture: Architecture) -> bytes:
    """All bytes of a model file before its tensors (docs/protocol.md §6.2): length, JSON, blanks."""
    header: dict[str, JsonValue] = {"__metadata__": {"format": MODEL_FORMAT}}
    begin = 0
    for tensor in architecture.tensors:
        for name, kind, shape in tensor.parts:
            end = begin + _ITEM_BYTES[kind] * _product(shape)
            header[name] = {"data_offsets": [begin, end], "dtype": kind, "shape": list(shape)}
            begin = end
    text = encode(header)
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def model_bytes(architecture: Architecture) -> int:
    """The length of every model file of an architecture (docs/protocol.md §6.2)."""
    return len(model_header(architecture)) + sum(tensor.size for tensor in architecture.tensors)


def _bound_model_bytes(architecture: Architecture) -> int:
    """No model file of the architecture is longer than this."""
    size = sum(tensor.size for tensor in architecture.tensors)
    return _HEADER_BYTES + size + (_PART_BYTES + 2 * len(str(size))) * 4 * len(architecture.tensors)


def layers_to_json(architecture: Architecture) -> list[JsonValue]:
    """``[{kind, activation, filters, kernel, mode, input, output, parameters, macs}]``; shapes are lists."""
    return [
        {
            "kind": layer.kind,
            "activation": layer.activation,
            "filters": layer.filters,
            "kernel": layer.kernel,
            "mode": layer.mode,
            "input": list(layer.input),
            "output": list(layer.output),
            "parameters": layer.parameters,
            "macs": layer.macs,
        }
        for layer in architecture.layers
    ]


def _product(shape: tuple[int, ...]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


def _shown(token: str) -> str:
    """A token, shortened: tokens come from strangers and may be 64 KiB long."""
    return token if len(token) <= 24 else token[:24] + "…"
