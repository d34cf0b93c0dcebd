"""Archives of pictures and arrays become data sets, or are refused before they do harm."""

import io
import pickle
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from apps.governance.conversion.examples import Options
from apps.governance.errors import (
    BadArray,
    BadCell,
    BadLabels,
    BadPicture,
    UnknownFormat,
    UnsafeArchive,
    UploadTooLarge,
)
from protocol.data_set import read_labels
from tests.apps.governance.uploads import animals, idx, npz, picture, refuse, run, view, write_zip

GENERATOR = np.random.default_rng(7)
PICTURES = GENERATOR.integers(0, 256, (40, 8, 8), dtype=np.uint8)
CLASSES = (np.arange(40) % 4).astype(np.uint8)


def test_a_folder_per_class_becomes_a_data_set(tmp_path: Path) -> None:
    converted = run(write_zip(tmp_path, animals()))
    assert (converted.shape, converted.classes) == ((1, 8, 8), ("cat", "dog"))
    assert (converted.train, converted.validation) == (16, 4)


def test_folders_around_and_litter_of_systems_do_not_matter(tmp_path: Path) -> None:
    plain = run(write_zip(tmp_path, animals()))
    files = animals(prefix="my animals/") | {"__MACOSX/my animals/._x": b"x", "my animals/.DS_Store": b"y"}
    assert run(write_zip(tmp_path, files)).data == plain.data


def test_folders_may_set_the_validation_apart(tmp_path: Path) -> None:
    files = animals(prefix="train/") | {f"test/{kind}/a.png": picture(99) for kind in ("cat", "dog")}
    converted = run(write_zip(tmp_path, files))
    assert (converted.train, converted.validation) == (20, 2)
    assert converted.report["contradictions"] == 2


def test_large_and_coloured_pictures_are_made_smaller(tmp_path: Path) -> None:
    path = write_zip(tmp_path, animals(lambda n: picture(n, size=(90, 70), mode="RGB", kind="JPEG")))
    assert run(path).shape == (3, 32, 32)
    assert run(path, Options(size=16, grey=True)).shape == (1, 16, 16)


def test_a_turned_photo_is_set_upright(tmp_path: Path) -> None:
    def turned(number: int) -> bytes:
        image = Image.open(io.BytesIO(picture(number)))
        exif = image.getexif()
        exif[0x0112] = 3  # upside down
        file = io.BytesIO()
        image.save(file, "PNG", exif=exif)
        return file.getvalue()

    upright = view(run(write_zip(tmp_path, animals()))).train_x
    assert bytes(view(run(write_zip(tmp_path, animals(turned)))).train_x.data) != bytes(upright.data)


@pytest.mark.parametrize("packed", [True, False])
def test_the_files_of_mnist_are_read(tmp_path: Path, packed: bool) -> None:
    files = {
        "train-images-idx3-ubyte": idx(PICTURES[:30], packed=packed),
        "train-labels-idx1-ubyte": idx(CLASSES[:30], packed=packed),
        "t10k-images-idx3-ubyte": idx(PICTURES[30:], packed=packed),
        "t10k-labels-idx1-ubyte": idx(CLASSES[30:], packed=packed),
    }
    converted = run(write_zip(tmp_path, files))
    assert (converted.shape, converted.train, converted.validation) == ((1, 8, 8), 30, 10)
    assert bytes(view(converted).train_x.data) == PICTURES[:30].tobytes()
    assert list(read_labels(view(converted).validation_y)) == CLASSES[30:].tolist()


def test_arrays_of_pictures_are_read(tmp_path: Path) -> None:
    converted = run(npz(tmp_path, x=PICTURES, y=CLASSES))
    assert (converted.shape, converted.train + converted.validation) == ((1, 8, 8), 40)


def test_channels_may_come_last(tmp_path: Path) -> None:
    coloured = np.stack([PICTURES] * 3, axis=3)
    assert run(npz(tmp_path, x=coloured, y=CLASSES)).shape == (3, 8, 8)


def test_arrays_of_numbers_are_scaled_column_by_column(tmp_path: Path) -> None:
    rows = GENERATOR.normal(size=(40, 3)) * [1, 1000, 0.001]
    converted = run(npz(tmp_path, x=rows, y=np.array(["left", "right"])[CLASSES % 2]))
    assert (converted.shape, converted.classes) == ((3, 1, 1), ("left", "right"))
    inputs = np.frombuffer(view(converted).train_x.data, dtype=np.uint8).reshape(-1, 3)
    assert inputs.min(axis=0).tolist() == [0, 0, 0]
    assert inputs.max(axis=0).tolist() == [255, 255, 255]


def test_it_names_row_and_column_of_an_array_that_is_no_number(tmp_path: Path) -> None:
    rows = GENERATOR.normal(size=(40, 3))
    rows[11, 2] = np.nan
    assert "Row 12, column '3'" in refuse(BadCell, npz(tmp_path, x=rows, y=CLASSES))


def test_it_never_opens_a_pickle(tmp_path: Path) -> None:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    path = write_zip(tmp_path, {"x.npy": file.getvalue(), "y.npy": file.getvalue()})
    assert "it has the type object" in refuse(BadArray, path)
    path.write_bytes(pickle.dumps([1, 2]))
    assert "pickle" in refuse(UnknownFormat, path)


def test_it_refuses_an_array_that_claims_more_than_it_has(tmp_path: Path) -> None:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": (1 << 45,)})
    path = write_zip(tmp_path, {"x.npy": file.getvalue() + b"\x00" * 100, "y.npy": file.getvalue()})
    assert "35,184,372,088,832" in refuse(BadArray, path)


def test_it_refuses_labels_that_do_not_fit_the_examples(tmp_path: Path) -> None:
    assert "40 examples" in refuse(BadLabels, npz(tmp_path, x=PICTURES, y=CLASSES[:39]))


def test_it_refuses_broken_labels(tmp_path: Path) -> None:
    labels = CLASSES.astype(np.float64)
    labels[3] = 1.5
    assert "Row 4" in refuse(BadCell, npz(tmp_path, x=PICTURES, y=labels))


def test_it_refuses_idx_files_of_another_length(tmp_path: Path) -> None:
    files = {"train-images-idx3-ubyte": idx(PICTURES)[:-9], "train-labels-idx1-ubyte": idx(CLASSES)}
    assert "damaged" in refuse(BadArray, write_zip(tmp_path, files))
    files["train-images-idx3-ubyte"] = idx(PICTURES, packed=False)[:-9]
    assert "values and has" in refuse(BadArray, write_zip(tmp_path, files))


@pytest.mark.parametrize(
    "name", ["../cat/a.png", "/etc/cat/a.png", "cat\\..\\a.png", "c:/cat/a.png", "cat/\x07.png"]
)
def test_it_refuses_paths_that_lead_out(tmp_path: Path, name: str) -> None:
    refuse(UnsafeArchive, write_zip(tmp_path, animals() | {name: picture(1)}))


def test_it_refuses_links(tmp_path: Path) -> None:
    path = write_zip(tmp_path, animals())
    link = zipfile.ZipInfo("cat/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    assert "it is a link" in refuse(UnsafeArchive, path)


def test_it_refuses_what_unpacks_to_more_than_it_should(tmp_path: Path) -> None:
    path = write_zip(tmp_path, animals() | {"cat/bomb.png": b"\x00" * (40 << 20)})
    assert "Bytes that the archive unpacks to" in refuse(UploadTooLarge, path)


def test_it_refuses_an_archive_whose_directory_lies(tmp_path: Path) -> None:
    path = write_zip(tmp_path, animals() | {"cat/bomb.png": b"\x00" * 100_000})
    content = path.read_bytes()
    assert content.count((100_000).to_bytes(4, "little")) == 2
    path.write_bytes(content.replace((100_000).to_bytes(4, "little"), (500).to_bytes(4, "little")))
    assert "bomb.png" in refuse(UnsafeArchive, path)


def test_it_refuses_too_many_files(tmp_path: Path) -> None:
    assert "Files in the archive: 20" in refuse(
        UploadTooLarge, write_zip(tmp_path, animals()), max_entries=19
    )


def test_it_refuses_huge_pictures(tmp_path: Path) -> None:
    path = write_zip(tmp_path, animals() | {"cat/huge.png": picture(1, size=(3000, 2000))})
    assert "3000 × 2000 pixels" in refuse(BadPicture, path, max_picture_pixels=5_000_000)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cat/run.png", b"#!/bin/sh\nrm -rf /\n"),
        ("cat/a.svg", b"<svg><script>1</script></svg>"),
        ("cat/half.png", picture(1)[:45]),
        ("cat/inner.zip", b"PK\x05\x06" + b"\x00" * 18),
    ],
)
def test_it_names_the_file_that_is_no_picture(tmp_path: Path, name: str, content: bytes) -> None:
    assert name in refuse(BadPicture, write_zip(tmp_path, animals() | {name: content}))


def test_it_refuses_pictures_outside_a_folder(tmp_path: Path) -> None:
    assert "'alone.png' is not in a folder" in refuse(
        BadLabels, write_zip(tmp_path, animals() | {"alone.png": picture(1)})
    )


def test_it_refuses_office_documents(tmp_path: Path) -> None:
    assert "formulas" in refuse(UnknownFormat, write_zip(tmp_path, {"xl/workbook.xml": b"<workbook/>"}))
