"""Models as ONNX: the same classes as the exact evaluation, by any runtime that multiplies without rounding.

Sums beyond 2^24 are made of several convolutions over parts of the weights, each within float32, and added in
float64: the common runtimes have no convolution of doubles.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from apps.explorer.errors import NotExportable
from apps.explorer.model_files import EXACT_FLOAT32, Whole, fold, get_divisor, list_tables, list_wholes
from protocol.architecture import Layer
from protocol.model_file import Model

OPSET = 17  # of 2022: older runtimes read it too
IR_VERSION = 8


class _Graph:
    """Nodes one after the other; every method takes and gives names of values."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, NDArray[Any]] = {}

    def add(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """One node; returns its output."""
        output = name or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def constant(self, value: NDArray[Any], name: str = "") -> str:
        """A stored array; returns its name."""
        name = name or f"c{len(self.constants)}"
        self.constants[name] = value
        return name

    def scalar(self, value: float, like: type[np.generic]) -> str:
        """A stored number; returns its name."""
        name = f"{like.__name__}_{value:g}"
        return self.constant(np.array(value, like), name)


def write_onnx(model: Model, metadata: Mapping[str, str]) -> bytes:
    """The model as an ONNX file: input `x` uint8 [n, C, H, W]; outputs `logits` and `class`.

    Raises NotExportable for a convolution too wide to be exact.
    """
    graph = _Graph()
    for name, table in list_tables(model).items():
        graph.constant(table, name)
    value = graph.add("Cast", "x", to=TensorProto.FLOAT)
    value = graph.add("Floor", graph.add("Mul", value, graph.scalar(0.5, np.float32)))
    wholes = iter(list_wholes(model))
    last: Whole | None = None
    for layer in model.architecture.layers:
        for _ in layer.tensors:
            last = next(wholes)
            value = _add_weighted(graph, value, last)
        if not layer.tensors:
            value = _add_unweighted(graph, value, layer)
    kind = TensorProto.FLOAT if last is None or last.is_float32 else TensorProto.DOUBLE
    graph.add("Identity", value, name="logits")
    graph.add("ArgMax", value, name="class", axis=1, keepdims=0)
    return _assemble(graph, model, kind, metadata)


def _assemble(graph: _Graph, model: Model, kind: int, metadata: Mapping[str, str]) -> bytes:
    layers = model.architecture.layers
    made = helper.make_graph(
        graph.nodes,
        "coinai",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, ["n", *layers[0].input])],
        [
            helper.make_tensor_value_info("logits", kind, ["n", layers[-1].filters]),
            helper.make_tensor_value_info("class", TensorProto.INT64, ["n"]),
        ],
        [numpy_helper.from_array(value, name) for name, value in graph.constants.items()],
    )
    document = helper.make_model(
        made, producer_name="Coin.AI", opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    helper.set_model_props(document, dict(metadata))
    return document.SerializeToString(deterministic=True)


def _add_weighted(graph: _Graph, value: str, whole: Whole) -> str:
    sums = (_add_float32 if whole.is_float32 else _add_float64)(graph, value, whole)
    if whole.place.activation is None:
        return sums
    dtype = np.float32 if whole.is_float32 else np.float64
    return _add_activation(graph, graph.add("Floor", sums), whole.place.activation, dtype)


def _add_float32(graph: _Graph, value: str, whole: Whole) -> str:
    weight, bias = (graph.constant(array) for array in fold(whole))
    if whole.place.is_convolution:
        return _add_convolution(graph, whole, value, weight, bias)
    return graph.add("Gemm", value, weight, bias, transB=1)


def _add_float64(graph: _Graph, value: str, whole: Whole) -> str:
    if not whole.place.is_convolution:
        weight, bias = fold(whole)
        wide = graph.add("Cast", value, to=TensorProto.DOUBLE)
        product = graph.add("MatMul", wide, graph.constant(np.ascontiguousarray(weight.T)))
        return graph.add("Add", product, graph.constant(bias))
    sums = ""
    base, parts = split_weight(whole.weight)
    for number, part in enumerate(parts):
        product = _add_convolution(graph, whole, value, graph.constant(part.astype(np.float32)))
        wide = graph.add("Cast", product, to=TensorProto.DOUBLE)
        scaled = graph.add("Mul", wide, graph.scalar(float(base**number), np.float64))
        sums = graph.add("Add", sums, scaled) if sums else scaled
    sums = graph.add("Add", sums, graph.constant(whole.bias.astype(np.float64).reshape(1, -1, 1, 1)))
    shift = np.exp2(-whole.shift.astype(np.float64)).reshape(1, -1, 1, 1)
    return graph.add("Mul", sums, graph.constant(shift))


def _add_convolution(graph: _Graph, whole: Whole, *inputs: str) -> str:
    pads = [whole.place.before, whole.place.before, whole.place.after, whole.place.after]
    return graph.add("Conv", *inputs, pads=pads, group=whole.place.groups)


def split_weight(weight: NDArray[np.int64]) -> tuple[int, list[NDArray[np.int64]]]:
    """(base, parts): weight = Σ base^i · part_i, each part's sums within float32. Raises NotExportable."""
    for base in (256, 16, 4, 2):
        parts, rest = [], weight
        while np.any(rest):
            digit = (rest + base // 2) % base - base // 2
            parts.append(digit)
            rest = (rest - digit) // base
        sums = [np.abs(part).reshape(len(part), -1).sum(axis=1).max() for part in parts]
        if 128 * max(sums, default=0) <= EXACT_FLOAT32:
            return base, parts or [weight]
    raise NotExportable("a convolution has too many inputs")


def _add_activation(graph: _Graph, value: str, activation: str, dtype: type[np.generic]) -> str:
    least, most = {"relu": (0, 127), "": (-128, 127)}.get(activation, (-512, 511))
    clipped = graph.add("Clip", value, graph.scalar(least, dtype), graph.scalar(most, dtype))
    if activation in ("relu", ""):
        return graph.add("Cast", clipped, to=TensorProto.FLOAT)
    index = graph.add("Cast", clipped, to=TensorProto.INT64)
    return graph.add("Gather", activation, graph.add("Add", index, graph.scalar(512, np.int64)))


def _add_unweighted(graph: _Graph, value: str, layer: Layer) -> str:
    if layer.kind == "flatten":
        return graph.add("Flatten", value, axis=1)
    if layer.kind == "pool" and layer.mode == "max":
        return graph.add("MaxPool", value, kernel_shape=[2, 2], strides=[2, 2])
    if layer.kind == "pool":
        mean = graph.add("AveragePool", value, kernel_shape=[2, 2], strides=[2, 2])
        return graph.add("Floor", graph.add("Add", mean, graph.scalar(0.5, np.float32)))
    axes = graph.constant(np.array([2, 3], np.int64), "axes")
    wide = graph.add("Cast", value, to=TensorProto.DOUBLE)
    mean = graph.add("ReduceSum", wide, axes, keepdims=0)
    mean = graph.add("Mul", mean, graph.scalar(1 / get_divisor(layer), np.float64))
    if layer.input[1] * layer.input[2] > 1:
        mean = graph.add("Add", mean, graph.scalar(0.5, np.float64))
    return graph.add("Cast", graph.add("Floor", mean), to=TensorProto.FLOAT)
