"""Exported models give what the exact evaluation gives, in other people's programs."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from safetensors.numpy import load

from apps.explorer.model_files import list_wholes, write_float_file, write_loader
from apps.explorer.onnx_file import split_weight, write_onnx
from protocol.architecture import parse_architecture
from protocol.evaluation import SelfTestCase, compute_logits, make_self_test_cases
from protocol.model_file import Model, ModelTensors

CASES = list(make_self_test_cases())


def draw_inputs(case: SelfTestCase, count: int = 20) -> np.ndarray:
    shape = case.model.architecture.layers[0].input
    return np.random.default_rng(5).integers(0, 256, (count, *shape), dtype=np.uint8)


def run_onnx(data: bytes, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return tuple(session.run(["logits", "class"], {"x": x}))


def check_onnx(model: Model, x: np.ndarray) -> None:
    data = write_onnx(model, {"problem": "test"})
    onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
    logits, classes = run_onnx(data, x)
    expected = compute_logits(model, x)
    assert np.array_equal(logits, expected)
    assert np.array_equal(classes, expected.argmax(axis=1))


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_onnx_gives_the_exact_logits_and_classes(case: SelfTestCase) -> None:
    check_onnx(case.model, draw_inputs(case))


def test_onnx_is_exact_where_float32_is_not() -> None:
    architecture = parse_architecture("conv 4 5 relu residual 3 tanh gap", (64, 6, 6), 3)
    rng = np.random.default_rng(1)
    tensors = []
    for spec in architecture.tensors:
        weight = rng.integers(100, 128, spec.shape, dtype=np.int8)
        weight *= rng.choice(np.array([-1, 1], np.int8), spec.shape)
        bias = rng.integers(-(2**29), 2**29, spec.outputs, dtype=np.int32)
        shift = np.full(spec.outputs, 22, np.int8) if spec.has_shift else None
        skip = np.full(spec.outputs, 14, np.uint8) if spec.has_skip else None
        tensors.append(ModelTensors(weight, bias, shift, skip))
    model = Model(architecture, tuple(tensors))
    assert not any(whole.is_float32 for whole in list_wholes(model)[:2])
    check_onnx(model, rng.integers(0, 256, (30, 64, 6, 6), dtype=np.uint8))


def test_split_weights_add_up_again() -> None:
    rng = np.random.default_rng(2)
    weight = rng.integers(-127, 128, (3, 2000, 5, 5)).astype(np.int64)
    weight[0, 0, 2, 2] += 2**14
    base, parts = split_weight(weight)
    assert base < 256
    assert np.array_equal(sum(base**i * part for i, part in enumerate(parts)), weight)
    assert all(128 * np.abs(part).reshape(3, -1).sum(axis=1).max() <= 2**24 for part in parts)
    assert split_weight(np.zeros((1, 1, 1, 1), np.int64))[1][0].shape == (1, 1, 1, 1)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_lines_for_pytorch_give_the_exact_logits(case: SelfTestCase, tmp_path: Path) -> None:
    path = tmp_path / "float.safetensors"
    path.write_bytes(write_float_file(case.model, {"problem": "test"}))
    assert all(value.dtype in (np.float32, np.float64) for value in load(path.read_bytes()).values())
    names: dict = {}
    exec(write_loader(case.model.architecture, str(path)), names)
    x = draw_inputs(case)
    assert np.array_equal(names["network"](torch.from_numpy(x)).numpy(), compute_logits(case.model, x))
