"""Data sets (docs/protocol.md §6.1)."""

from dataclasses import replace
from typing import Any

import pytest

from protocol.data_set import DataSetView, check_data_set, read_labels
from protocol.errors import InvalidDataSet, InvalidTensorFile
from protocol.params import DEVNET
from protocol.tensor_file import TensorView, read_tensor_file, write_tensor_file
from tests.protocol.problems import make_data, make_problem, with_data

PROBLEM = make_problem()
DATA = make_data(PROBLEM)
FITTING = with_data(PROBLEM, DATA)


def rewrite(**changed: TensorView | None) -> bytes:
    tensors = {**read_tensor_file(DATA)[1], **changed}
    return write_tensor_file({name: tensor for name, tensor in tensors.items() if tensor is not None})


def test_it_reads_a_fitting_data_set_without_copying() -> None:
    view = check_data_set(DATA, FITTING, DEVNET)
    assert isinstance(view, DataSetView)
    assert view.train_x.shape == (20, 1, 8, 8)
    assert view.validation_x.data.obj is DATA
    assert list(read_labels(view.validation_y)) == list(range(10))


def test_labels_are_little_endian() -> None:
    tensor = TensorView("U16", (2,), memoryview(b"\x01\x02\xff\x00"))
    assert list(read_labels(tensor)) == [0x0201, 255]


@pytest.mark.parametrize(
    "data",
    [
        rewrite(train_y=None),
        rewrite(extra=TensorView("U8", (1,), memoryview(b"x"))),
        rewrite(validation_y=TensorView("U8", (20,), memoryview(bytes(20)))),
        rewrite(validation_y=TensorView("U16", (10,), memoryview(b"\x0a\x00" * 10))),
        rewrite(train_x=TensorView("U8", (20, 64, 1, 1), memoryview(bytes(1280)))),
        rewrite(train_x=TensorView("I8", (20, 1, 8, 8), memoryview(bytes(1280)))),
        write_tensor_file(read_tensor_file(DATA)[1], {"format": "pt"}),
    ],
    ids=["missing", "surplus", "dtype", "label", "shape", "signed", "metadata"],
)
def test_it_refuses(data: bytes) -> None:
    with pytest.raises(InvalidDataSet):
        check_data_set(data, replace(PROBLEM, data_bytes=len(data)), DEVNET)


@pytest.mark.parametrize(
    "fields",
    [{"train": 19}, {"validation": 11}, {"classes": 9}, {"shape": (1, 4, 16)}, {"data_bytes": len(DATA) + 1}],
)
def test_it_refuses_another_problems_data(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidDataSet):
        check_data_set(DATA, replace(FITTING, **fields), DEVNET)


def test_it_refuses_more_than_the_chain_allows() -> None:
    with pytest.raises(InvalidDataSet):
        check_data_set(DATA, FITTING, replace(DEVNET, max_data_bytes=len(DATA) - 1))


def test_it_refuses_a_truncated_file() -> None:
    cut = DATA[:-1]
    with pytest.raises(InvalidTensorFile):
        check_data_set(cut, replace(FITTING, data_bytes=len(cut)), DEVNET)


def test_it_writes_only_what_fits() -> None:
    with pytest.raises(InvalidTensorFile):
        make_data(make_problem(shape=[1, 8, 9]), pixels=bytes(640))
