"""The fast path equals the plain integers (docs/protocol.md §6.3)."""

import math
import os
import subprocess
import sys
from decimal import ROUND_FLOOR, Decimal, localcontext
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from protocol import inference
from protocol.activation_tables import SIGMOID, SIGMOID_SHA3, TANH, TANH_SHA3, hash_table
from protocol.architecture import parse_architecture
from protocol.errors import InexactArithmetic
from protocol.evaluation import (
    compute_logits,
    compute_predictions,
    make_self_test_cases,
    reference_logits,
    self_test,
)
from protocol.grammar import compute_seed
from protocol.model_file import SUM_LIMIT, Model, ModelTensors, read_model, write_model
from tests.protocol.random_models import make_inputs, make_tensors

ROOT = Path(__file__).resolve().parents[2]

activations = st.sampled_from(["relu", "tanh", "sigmoid"])
kernels = st.integers(1, 9)
widths = st.integers(1, 5)


@st.composite
def texts(draw: st.DrawFn, height: int, width: int) -> str:
    """Any small network that the layer language allows on pictures of height × width."""
    words = []
    for _ in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(["conv", "residual", "separable", "pool"]))
        if kind == "pool":
            if height < 2 or width < 2:
                continue
            height, width = height // 2, width // 2
            words.append(f"pool {draw(st.sampled_from(['max', 'avg']))}")
        elif kind == "residual":
            words.append(f"residual {draw(kernels)} {draw(activations)}")
        else:
            words.append(f"{kind} {draw(widths)} {draw(kernels)} {draw(activations)}")
    words.append(draw(st.sampled_from(["flatten", "gap"])))
    words.extend(f"fc {draw(widths)} {draw(activations)}" for _ in range(draw(st.integers(0, 2))))
    return " ".join(words)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), number=st.integers(0, 2**32), batch=st.sampled_from([None, 1, 2]))
def test_the_fast_path_equals_the_reference(data: st.DataObject, number: int, batch: int | None) -> None:
    shape = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 7), st.integers(1, 7)))
    architecture = parse_architecture(data.draw(texts(shape[1], shape[2])), shape, 3)
    rng = np.random.default_rng(number)
    seed = compute_seed("00" * 32, "11" * 32, number)
    model = read_model(write_model(architecture, make_tensors(architecture, seed, rng)), architecture, seed)
    x = make_inputs(shape, 3, rng)
    assert np.array_equal(compute_logits(model, x, batch), reference_logits(model, x))


def test_it_passes_its_own_test() -> None:
    self_test()


def test_the_cases_of_the_self_test_reach_both_float_types_and_stay_below_2_31() -> None:
    largest = [int(bound.max()) for case in make_self_test_cases() for bound in case.model.sum_bounds]
    assert max(largest) < SUM_LIMIT
    assert any(0.99 * 2**24 < bound <= 2**24 for bound in largest)
    assert any(2**24 < bound < 1.03 * 2**24 for bound in largest)
    assert any(bound > 0.99 * 2**31 for bound in largest)


def test_float32_beyond_its_bound_fails_the_self_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "_EXACT_FLOAT32", 2**26)
    with pytest.raises(InexactArithmetic):
        self_test()


def test_logits_in_half_precision_fail_the_self_test() -> None:
    with pytest.raises(InexactArithmetic):
        self_test(lambda model, x: compute_logits(model, x).astype(np.float16).astype(np.int64))


@pytest.mark.parametrize("kernel", ["Prescott", "Haswell", "SkylakeX"])
def test_every_blas_kernel_gives_the_same_integers(kernel: str) -> None:
    environment = {**os.environ, "OPENBLAS_CORETYPE": kernel, "OPENBLAS_NUM_THREADS": "2"}
    script = "from protocol.evaluation import self_test; self_test(); print('exact')"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    if done.returncode < 0:
        pytest.skip(f"this processor cannot run the kernel {kernel}")
    assert done.stdout.strip() == "exact", done.stderr


def test_a_tie_goes_to_the_lowest_class() -> None:
    logits = np.array([[1, 5, 5], [2, 2, 2], [-3, -4, -3]], np.int64)
    assert compute_predictions(logits).tolist() == [1, 0, 0]


def model_of(text: str, shape: tuple[int, int, int], tensors: list[ModelTensors]) -> Model:
    return Model(parse_architecture(text, shape, 2), tuple(tensors))


def fc(weight: list[list[int]], bias: list[int], shift: list[int] | None = None) -> ModelTensors:
    return ModelTensors(
        np.array(weight, np.int8),
        np.array(bias, np.int32),
        None if shift is None else np.array(shift, np.int8),
        None,
    )


def both(model: Model, x: NDArray[np.uint8]) -> list[list[int]]:
    logits = reference_logits(model, x)
    assert np.array_equal(compute_logits(model, x), logits)
    return logits.tolist()


def test_rounding_is_half_up_then_floor() -> None:
    # One input of 6 >> 1 = 3; sums 3·w + b, shift 2: floor((sum + 2) / 4), negative ones too.
    first = fc([[1], [1], [1], [-1], [-1]], [-1, 2, 3, -1, -3], [2] * 5)
    identity = fc([[1, 0, 0, 0, 0], [0, 0, 0, 0, 1]], [0, 0])
    model = model_of("flatten fc 5 tanh", (1, 1, 1), [first, identity])
    # sums 2, 5, 6, -4, -6 → z = 1, 1, 2, -1, -1 → tanh(z / 128) · 128 rounds to z itself.
    assert both(model, np.array([[[[6]]]], np.uint8)) == [[1, -1]]


def test_a_negative_shift_multiplies() -> None:
    first = fc([[1], [-1]], [0, 0], [-4, -4])
    model = model_of("flatten fc 2 tanh", (1, 1, 1), [first, fc([[1, 0], [0, 1]], [0, 0])])
    z = 3 << 4
    expected = round(128 * math.tanh(z / 128))
    assert both(model, np.array([[[[7]]]], np.uint8)) == [[expected, -expected]]


def test_an_even_kernel_reaches_one_further_down_and_right() -> None:
    kernel = np.zeros((1, 1, 2, 2), np.int8)
    kernel[0, 0, 1, 1] = 1
    conv = ModelTensors(kernel, np.zeros(1, np.int32), np.zeros(1, np.int8), None)
    model = model_of("conv 1 2 relu flatten", (1, 2, 2), [conv, fc([[1, 0, 0, 0], [0, 1, 1, 1]], [0, 0])])
    x = np.array([[[[2, 4], [6, 8]]]], np.uint8)  # >> 1: 1 2 3 4; the output is 4 0 0 0
    assert both(model, x) == [[4, 0]]


def test_averages_round_half_up() -> None:
    weights = fc([[1], [-1]], [0, 0])
    pooled = model_of("pool avg flatten", (1, 2, 2), [weights])
    assert both(pooled, np.array([[[[2, 4], [4, 2]]]], np.uint8)) == [[2, -2]]  # (1 + 2 + 2 + 1 + 2) >> 2
    averaged = model_of("gap", (1, 1, 3), [weights])
    assert both(averaged, np.array([[[[254, 254, 254]]]], np.uint8)) == [[95, -95]]  # (381 + 2) >> 2
    single = model_of("gap", (1, 1, 1), [weights])
    assert both(single, np.array([[[[11]]]], np.uint8)) == [[5, -5]]


def test_a_layer_without_activation_clips_at_minus_128() -> None:
    depthwise = ModelTensors(
        np.full((1, 1, 1, 1), -127, np.int8), np.zeros(1, np.int32), np.zeros(1, np.int8), None
    )
    pointwise = ModelTensors(
        np.full((1, 1, 1, 1), -1, np.int8), np.zeros(1, np.int32), np.zeros(1, np.int8), None
    )
    model = model_of("separable 1 1 relu flatten", (1, 1, 1), [depthwise, pointwise, fc([[1], [2]], [0, 0])])
    assert both(model, np.array([[[[255]]]], np.uint8)) == [[127, 254]]  # -(-128) clips to 127


def test_the_tables_are_the_rounded_functions() -> None:
    with localcontext() as context:
        context.prec = 50

        def rounded(value: Decimal) -> int:
            return min(int((value + Decimal("0.5")).to_integral_value(ROUND_FLOOR)), 127)

        for j, z in enumerate(range(-512, 512)):
            e = (Decimal(2 * z) / 128).exp()
            assert TANH[j] == max(rounded(128 * (e - 1) / (e + 1)), -127)
            assert SIGMOID[j] == rounded(128 / (1 + (Decimal(-z) / 64).exp()))


def test_the_tables_have_the_documents_hashes() -> None:
    assert hash_table(TANH) == TANH_SHA3
    assert hash_table(SIGMOID) == SIGMOID_SHA3
    assert TANH_SHA3 == "5b52f9e70af0d353f44c852032e955f413124b04494b71337a6e1bdc2cd17f4f"
    assert SIGMOID_SHA3 == "13e0a6dcd1626380b663526b048ea96249470727d95c77ac8cc3ca306dd69fda"
