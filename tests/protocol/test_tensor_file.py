"""Safetensors files from strangers (docs/protocol.md §6)."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocol.errors import InvalidTensorFile
from protocol.tensor_file import TensorView, read_tensor_file, write_tensor_file

A = {"dtype": "U8", "shape": [2, 3], "data_offsets": [0, 6]}
B = {"dtype": "U16", "shape": [2], "data_offsets": [6, 10]}
BODY = bytes(range(10))


def make(header: Any, body: bytes = BODY) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def test_it_reads_tensors_in_any_order_of_keys() -> None:
    for header in ({"a": A, "b": B}, {"b": B, "a": A}):
        metadata, tensors = read_tensor_file(make(header))
        assert metadata is None
        assert list(tensors) == ["a", "b"]
        assert tensors["a"].shape == (2, 3)
        assert (bytes(tensors["a"].data), bytes(tensors["b"].data)) == (BODY[:6], BODY[6:])


def test_it_reads_metadata_and_padding() -> None:
    text = json.dumps({"__metadata__": {"k": "v"}, "a": A, "b": B}).encode() + b"     "
    assert read_tensor_file(make(text))[0] == {"k": "v"}


def test_it_reads_what_it_writes_and_other_readers_read_it_too() -> None:
    tensors = {
        "b": TensorView("U16", (2,), memoryview(BODY[6:])),
        "a": TensorView("U8", (2, 3), memoryview(BODY[:6])),
    }
    data = write_tensor_file(tensors, {"format": "test"})
    metadata, read = read_tensor_file(data)
    assert metadata == {"format": "test"}
    assert {name: bytes(tensor.data) for name, tensor in read.items()} == {"a": BODY[:6], "b": BODY[6:]}
    safetensors = pytest.importorskip("safetensors.numpy")
    assert safetensors.load(data)["a"].tolist() == [[0, 1, 2], [3, 4, 5]]


def _with(tensor: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"a": {**A, **fields} if tensor is A else A, "b": {**B, **fields} if tensor is B else B}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 7,
        b"\x00" * 8,
        (2**63).to_bytes(8, "little") + b"{}",
        (3).to_bytes(8, "little") + b"{}",
        make(b" {}", b""),
        make(b"[]", b""),
        make(b"{", b""),
        make(b"{}x", b""),
        make(b"\xff\xfe", b""),
        make(b'{"a":' * 20000, b""),
        make(b"{" + b"[" * 60000, b""),
        make(b'{"a":' + b"9" * 5000 + b"}", b""),
        make(b'{"a":{"dtype":"U8","shape":[NaN],"data_offsets":[0,1]}}', b"x"),
        make(b'{"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}}', b"x"),
        make(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"shape":[1]}}', b"x"),
        make(b'{"a":%b,"a":%b}' % (json.dumps(A).encode(), json.dumps(A).encode()), BODY[:6]),
        make({}),
        make({"a": A}),
        make({"b": B}),
        make({"a": A, "b": B}, BODY[:-1]),
        make({"a": A, "b": B}, BODY + b"x"),
        make({"a": A, "b": B, "__metadata__": []}),
        make({"a": A, "b": B, "__metadata__": {"k": 1}}),
        make({"a": A, "b": [1]}),
        make({"a": A, "b": {"dtype": "U16", "shape": [2]}}),
        make({"a": A, "b": {**B, "extra": 1}}),
        make(_with(B, dtype="U4")),
        make(_with(B, dtype=["U16"])),
        make(_with(B, shape=[3])),
        make(_with(B, shape=[-2])),
        make(_with(B, shape=[True, 2])),
        make(_with(B, shape=[1] * 9)),
        make(_with(B, shape=2)),
        make(_with(B, data_offsets=[6])),
        make(_with(B, data_offsets=[4, 8])),
        make(_with(B, data_offsets=[10, 6])),
        make(_with(B, data_offsets=[7, 11])),
        make(_with(B, data_offsets=[2**60, 2**60 + 4])),
        make({"a": A, "b": {**A}}, BODY[:6]),
        make({f"t{i}": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]} for i in range(1025)}, b""),
        make({"a": A, "b": B, "x" * 70000: B}),
    ],
)
def test_it_refuses(data: bytes) -> None:
    with pytest.raises(InvalidTensorFile) as refused:
        read_tensor_file(data)
    assert len(refused.value.detail) < 300


@given(data=st.binary(max_size=200))
@example(data=make({"a": A, "b": B}))
def test_bytes_give_tensors_or_one_error(data: bytes) -> None:
    try:
        _, tensors = read_tensor_file(data)
    except InvalidTensorFile:
        return
    assert sum(len(tensor.data) for tensor in tensors.values()) < len(data)


@given(position=st.integers(0, 200), value=st.integers(0, 255))
def test_a_changed_byte_gives_tensors_or_one_error(position: int, value: int) -> None:
    data = bytearray(make({"a": A, "b": B}))
    data[position % len(data)] = value
    test_bytes_give_tensors_or_one_error.hypothesis.inner_test(bytes(data))  # type: ignore[attr-defined]
