"""Model files: one encoding, every value within its range, the wiring kept (docs/protocol.md §6.2, §6.3)."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.architecture import Architecture, parse_architecture
from protocol.errors import (
    InvalidTensors,
    ModelIgnoresWiring,
    ModelSumTooLarge,
    ModelValueOutOfRange,
    ProtocolError,
    WrongModelHeader,
    WrongModelLength,
)
from protocol.grammar import compute_seed
from protocol.model_file import (
    ModelTensors,
    compute_sum_bounds,
    model_bytes,
    read_model,
    wiring_mask,
    write_model,
)
from tests.protocol.random_models import make_tensor, make_tensors

SEED = compute_seed("00" * 32, "11" * 32, 7)
TEXT = "conv 3 2 relu residual 3 tanh separable 4 3 sigmoid pool max flatten fc 5 relu"
ARCHITECTURE = parse_architecture(TEXT, (2, 5, 5), 3)


def tame(architecture: Architecture = ARCHITECTURE, number: int = 0) -> list[ModelTensors]:
    rng = np.random.default_rng(number)
    return [make_tensor(spec, SEED, rng, "tame") for spec in architecture.tensors]


DATA = write_model(ARCHITECTURE, tame())
HEADER_BYTES = 8 + int.from_bytes(DATA[:8], "little")


def place_of(name: str) -> int:
    """Where a tensor begins in the file."""
    header = json.loads(DATA[8:HEADER_BYTES])
    return HEADER_BYTES + int(header[name]["data_offsets"][0])


def patched(position: int, value: bytes) -> bytes:
    return DATA[:position] + value + DATA[position + len(value) :]


@settings(max_examples=30, deadline=None)
@given(number=st.integers(0, 2**32))
def test_it_reads_what_it_writes(number: int) -> None:
    tensors = make_tensors(ARCHITECTURE, SEED, np.random.default_rng(number))
    data = write_model(ARCHITECTURE, tensors)
    assert len(data) == model_bytes(ARCHITECTURE)
    model = read_model(data, ARCHITECTURE, SEED)
    for read, written in zip(model.tensors, tensors, strict=True):
        for part in ("weight", "bias", "shift", "skip"):
            expected = getattr(written, part)
            found = getattr(read, part)
            assert (found is None) == (expected is None)
            if expected is not None:
                assert found.dtype == expected.dtype
                assert np.array_equal(found, expected)
    assert write_model(ARCHITECTURE, model.tensors) == data


def test_the_header_is_canonical_json_padded_to_8() -> None:
    text = DATA[8:HEADER_BYTES]
    assert HEADER_BYTES % 8 == 0
    header = json.loads(text)
    canonical = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    assert text == canonical + b" " * (-len(canonical) % 8)
    assert header["__metadata__"] == {"format": "coinai/1"}
    names = [name for name in header if name != "__metadata__"]
    assert names == sorted(names)
    assert "0001.skip" in names
    assert "0000.skip" not in names
    assert names[-2:] == ["0005.bias", "0005.weight"]


def test_other_software_reads_it() -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    read = safetensors.load(DATA)
    tensors = tame()
    assert np.array_equal(read["0000.weight"], tensors[0].weight)
    assert tensors[1].skip is not None
    assert np.array_equal(read["0001.skip"], tensors[1].skip)
    assert np.array_equal(read["0005.bias"], tensors[5].bias)


def test_every_changed_bit_of_the_header_is_refused() -> None:
    for position in range(HEADER_BYTES):
        changed = patched(position, bytes([DATA[position] ^ 1 << position % 8]))
        with pytest.raises(WrongModelHeader) as refused:
            read_model(changed, ARCHITECTURE, SEED)
        assert refused.value.position == position


@pytest.mark.parametrize("length", [0, 1, 7, 8, HEADER_BYTES, len(DATA) - 1, len(DATA) + 1, len(DATA) + 8])
def test_another_length_is_refused(length: int) -> None:
    data = (DATA + bytes(8))[:length]
    with pytest.raises(WrongModelLength) as refused:
        read_model(data, ARCHITECTURE, SEED)
    assert (refused.value.expected, refused.value.actual) == (len(DATA), length)


def test_another_architectures_model_is_refused() -> None:
    other = parse_architecture(TEXT.replace("fc 5", "fc 6"), (2, 5, 5), 3)
    with pytest.raises(WrongModelLength):
        read_model(DATA, other, SEED)


def test_a_model_trained_for_another_seed_is_refused() -> None:
    with pytest.raises(ModelIgnoresWiring):
        read_model(DATA, ARCHITECTURE, compute_seed("00" * 32, "11" * 32, 8))


@pytest.mark.parametrize(
    ("tensor", "value", "error"),
    [
        ("0000.weight", b"\x80", ModelValueOutOfRange),
        ("0005.weight", b"\x80", ModelValueOutOfRange),
        ("0000.bias", (2**30 + 1).to_bytes(4, "little"), ModelValueOutOfRange),
        ("0000.bias", (-(2**30) - 1).to_bytes(4, "little", signed=True), ModelValueOutOfRange),
        ("0005.bias", (-(2**31)).to_bytes(4, "little", signed=True), ModelValueOutOfRange),
        ("0000.shift", b"\x20", ModelValueOutOfRange),
        ("0000.shift", b"\xf7", ModelValueOutOfRange),
        ("0000.shift", b"\x7f", ModelValueOutOfRange),
        ("0000.shift", b"\x80", ModelValueOutOfRange),
        ("0001.skip", b"\x0f", ModelValueOutOfRange),
        ("0001.skip", b"\xff", ModelValueOutOfRange),
    ],
)
def test_values_out_of_range_are_refused(tensor: str, value: bytes, error: type[ProtocolError]) -> None:
    with pytest.raises(error, match=tensor):
        read_model(patched(place_of(tensor), value), ARCHITECTURE, SEED)


def test_a_weight_without_connection_is_refused() -> None:
    for spec in ARCHITECTURE.tensors:
        name = f"{spec.index:04d}.weight"
        free = int(np.flatnonzero(~wiring_mask(SEED, spec))[0])
        with pytest.raises(ModelIgnoresWiring) as refused:
            read_model(patched(place_of(name) + free, b"\x01"), ARCHITECTURE, SEED)
        assert (refused.value.tensor, refused.value.position) == (name, free)


def one_channel(
    weight: list[int], bias: int, shift: int | None = None, skip: int | None = None
) -> ModelTensors:
    return ModelTensors(
        np.array([weight], np.int8),
        np.array([bias], np.int32),
        None if shift is None else np.array([shift], np.int8),
        None if skip is None else np.array([skip], np.uint8),
    )


@pytest.mark.parametrize(
    ("tensors", "bound"),
    [
        (one_channel([3, -2], -7), 128 * 5 + 7),
        (one_channel([3, -2], 7, shift=0), 128 * 5 + 7),
        (one_channel([3, -2], 7, shift=5), 128 * 5 + 7 + 16),
        (one_channel([3, -2], 7, shift=31), 128 * 5 + 7 + 2**30),
        (one_channel([3, -2], 7, shift=-3), (128 * 5 + 7) * 8),
        (one_channel([3, -2], 7, shift=1, skip=14), 128 * 5 + 7 + 128 * 2**14 + 1),
        (one_channel([-127, 127], -(2**30), shift=-8, skip=0), (128 * 254 + 2**30 + 128) * 256),
    ],
)
def test_the_bound_of_the_sums_is_the_documents(tensors: ModelTensors, bound: int) -> None:
    assert compute_sum_bounds(tensors).tolist() == [bound]


@pytest.mark.parametrize("shift", [31, 30, 1, 0, -1, -8])
def test_sums_below_2_31_are_the_largest(shift: int) -> None:
    architecture = parse_architecture("flatten fc 1 relu", (2, 1, 1), 2)
    _, last = tame(architecture)
    half = 1 << (shift - 1) if shift > 0 else 0
    most = (2**31 - 1 >> max(-shift, 0)) - half - 128 * 127 * 2
    weight = np.array([[127, 127]], np.int8)

    def write(bias: int) -> bytes:
        tensors = ModelTensors(weight, np.array([bias], np.int32), np.array([shift], np.int8), None)
        return write_model(architecture, [tensors, last])

    if most <= 2**30:
        write(most)
        write(-most)
        with pytest.raises(ModelSumTooLarge, match="channel 0"):
            write(most + 1)
    else:
        write(2**30)


def test_the_last_layer_has_no_half_to_add() -> None:
    architecture = parse_architecture("flatten fc 1 relu", (1, 1, 1), 2)
    first, last = tame(architecture)
    write_model(architecture, [first, replace(last, bias=np.array([2**30, -(2**30)], np.int32))])


@pytest.mark.parametrize(
    "change",
    [
        {"weight": np.zeros((3, 2, 2), np.int8)},
        {"weight": np.zeros((3, 2, 2, 2), np.int16)},
        {"bias": np.zeros(4, np.int32)},
        {"bias": np.zeros(3, np.int64)},
        {"shift": None},
        {"skip": np.zeros(3, np.uint8)},
    ],
)
def test_it_writes_only_arrays_that_fit(change: dict[str, object]) -> None:
    tensors = tame()
    tensors[0] = replace(tensors[0], **change)  # type: ignore[arg-type]
    with pytest.raises(InvalidTensors, match="0000"):
        write_model(ARCHITECTURE, tensors)


def test_it_writes_only_all_tensors() -> None:
    with pytest.raises(InvalidTensors):
        write_model(ARCHITECTURE, tame()[:-1])
