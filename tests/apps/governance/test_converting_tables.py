"""Tables become data sets, or a message that names row and column."""

from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from apps.governance.conversion.examples import Options
from apps.governance.errors import (
    BadCell,
    BadLabels,
    BadTable,
    NothingToLearn,
    UnknownFormat,
    UploadTooLarge,
)
from protocol.data_set import read_labels
from tests.apps.governance.uploads import flowers, refuse, run, view, write_csv


def test_a_csv_becomes_a_data_set(tmp_path: Path) -> None:
    converted = run(write_csv(tmp_path, flowers()))
    assert converted.shape == (4, 1, 1)  # two numbers, two colours
    assert converted.classes == ("iris", "rose", "tulip")
    assert (converted.train, converted.validation) == (90, 30)
    tensors = view(converted)
    assert tensors.train_x.shape == (90, 4, 1, 1)
    assert sorted(set(read_labels(tensors.validation_y))) == [0, 1, 2]
    assert "length" in converted.conversion
    assert "one input each for blue, red" in converted.conversion


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_the_separator_is_found(tmp_path: Path, delimiter: str) -> None:
    assert run(write_csv(tmp_path, flowers().replace(",", delimiter))).shape == (4, 1, 1)


def test_the_same_table_gives_the_same_bytes_in_any_order_of_classes(tmp_path: Path) -> None:
    first = run(write_csv(tmp_path, flowers()))
    assert run(write_csv(tmp_path, flowers())).data == first.data


def test_a_parquet_file_is_the_table_that_its_csv_is(tmp_path: Path) -> None:
    lines = [line.split(",") for line in flowers().splitlines()]
    columns = dict(zip(lines[0], zip(*lines[1:], strict=True), strict=True))
    table = pyarrow.table(
        {
            "length": [float(value) for value in columns["length"]],
            "width": [int(value) for value in columns["width"]],
            "colour": list(columns["colour"]),
            "kind": list(columns["kind"]),
        }
    )
    path = tmp_path / "flowers.parquet"
    pyarrow.parquet.write_table(table, path)
    converted = run(path)
    assert (converted.shape, converted.train, converted.validation) == ((4, 1, 1), 90, 30)


def test_numbers_are_scaled_between_their_outer_values(tmp_path: Path) -> None:
    lines = ["value,split,class", *(f"{row},train,{row % 2}" for row in range(11)), "5,test,0", "99,test,1"]
    tensors = view(run(write_csv(tmp_path, "\n".join(lines))))
    assert list(bytes(tensors.train_x.data)) == [255 * row // 10 for row in range(11)]
    assert list(bytes(tensors.validation_x.data)) == [127, 255]  # what is outside becomes the outermost


def test_a_named_column_is_the_class(tmp_path: Path) -> None:
    assert run(write_csv(tmp_path, flowers()), Options(label="colour")).classes == ("blue", "red")


def test_equal_rows_are_never_on_both_sides(tmp_path: Path) -> None:
    rows = [f"{row % 9},{row % 9 % 3}" for row in range(200)]
    converted = run(write_csv(tmp_path, "\n".join(["value,class", *rows])))
    assert converted.report["overlap"] == 0
    assert converted.report["duplicates"] == 200 - 9


def test_the_report_tells_what_a_proposer_must_know(tmp_path: Path) -> None:
    rows = [f"{row},{row % 2},same,{'' if row == 5 else row},{'ab'[row % 4 == 0]}" for row in range(80)]
    report = run(write_csv(tmp_path, "\n".join(["a,b,c,d,class", *rows]))).report
    kinds = {column["name"]: (column["kind"], column["missing"]) for column in report["columns"]}
    assert kinds == {"a": ("number", 0), "b": ("number", 0), "c": ("left out", 0), "d": ("number", 1)}
    assert report["classes"][0]["train"] + report["classes"][0]["validation"] == 60
    assert report["majority_error"] == 250_000
    assert any("few" in warning for warning in report["warnings"])


def test_it_names_row_and_column_of_what_is_no_number(tmp_path: Path) -> None:
    text = flowers().replace("\n0.003,3,", "\nabout 3,3,")
    assert "Row 4, column 'length': 'about 3' is not a number" in refuse(BadCell, write_csv(tmp_path, text))


@pytest.mark.parametrize("word", ["NaN", "inf", "-inf"])
def test_it_refuses_not_a_number(tmp_path: Path, word: str) -> None:
    text = flowers().replace("\n0.003,3,", f"\n{word},3,")
    assert f"Row 4, column 'length': {word} is no number" in refuse(BadCell, write_csv(tmp_path, text))


def test_it_refuses_not_a_number_in_parquet(tmp_path: Path) -> None:
    path = tmp_path / "flowers.parquet"
    table = pyarrow.table({"a": [1.0, float("nan"), 3.0, 4.0], "class": ["x", "y", "x", "y"]})
    pyarrow.parquet.write_table(table, path)
    assert "Row 2, column 'a': nan" in refuse(BadCell, path)


@pytest.mark.parametrize("formula", ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3"])
def test_it_refuses_formulas(tmp_path: Path, formula: str) -> None:
    text = flowers().replace("\n0.003,3,blue", f'\n0.003,3,"{formula}"')
    assert "Row 4, column 'colour'" in refuse(BadCell, write_csv(tmp_path, text))


def test_it_refuses_a_missing_class(tmp_path: Path) -> None:
    text = flowers().replace("blue,iris\n", "blue,\n", 1)
    assert "Row 4, column 'kind': the class is missing" in refuse(BadCell, write_csv(tmp_path, text))


def test_it_refuses_one_class_only(tmp_path: Path) -> None:
    text = flowers().replace("rose", "iris").replace("tulip", "iris")
    assert "at least two classes" in refuse(BadLabels, write_csv(tmp_path, text))


def test_it_refuses_a_class_of_one(tmp_path: Path) -> None:
    assert "'lily' has 1 example" in refuse(BadLabels, write_csv(tmp_path, flowers() + "1,1,red,lily\n"))


def test_it_says_that_a_quantity_is_no_class(tmp_path: Path) -> None:
    text = "\n".join(["a,price", *(f"{row % 5},{row}.5" for row in range(1500))])
    assert "looks like a quantity" in refuse(BadLabels, write_csv(tmp_path, text))


def test_it_refuses_columns_without_anything_to_learn(tmp_path: Path) -> None:
    text = "\n".join(["a,name,class", *(f"1,person {row},{row % 2}" for row in range(200))])
    assert "nothing to learn" in refuse(NothingToLearn, write_csv(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b,class\n1,2,x\n1,2\n", "line 3: 2 cells, the header has 3"),
        ("a,a,class\n1,2,x\n", "two columns have the name 'a'"),
        ("a,,class\n1,2,x\n", "column 2 has no name"),
        ('a,b,class\n1,"2,x\n', "line"),
        ("a,class\n1,x\n", "1 rows"),
    ],
)
def test_it_says_where_a_table_is_broken(tmp_path: Path, text: str, words: str) -> None:
    assert words in refuse(BadTable, write_csv(tmp_path, text))


def test_it_says_where_a_text_is_not_utf_8(tmp_path: Path) -> None:
    text = flowers().replace("\n0.003,3,blue", "\n0.003,3,grün")
    assert "in line 5: column 3 is not UTF-8" in refuse(BadTable, write_csv(tmp_path, text, "latin-1"))


def test_it_says_where_a_text_is_not_utf_8_far_down_in_a_long_file(tmp_path: Path) -> None:
    rows = [f"{row},{row % 7},{'ab'[row % 2]}" for row in range(20_000)]
    rows[15_000] = "1,2,ä"
    text = "\n".join(["length,width,kind", *rows])
    assert "in line 15002: column 3 is not UTF-8" in refuse(BadTable, write_csv(tmp_path, text, "latin-1"))


def test_it_says_the_line_of_a_bad_cell_below_blank_lines_and_cells_of_several_lines(tmp_path: Path) -> None:
    rows = [f"{row},red,{'ab'[row % 2]}" for row in range(20)]
    rows[3], rows[12] = '3,"red\nor so",b\n', "about 12,red,a"
    text = "\n".join(["length,colour,kind", *rows])
    refusal = refuse(BadCell, write_csv(tmp_path, text))
    assert "Row 13, column 'length'" in refusal
    assert "(line 16 of the file)" in refusal


def test_it_refuses_more_rows_or_columns_than_allowed(tmp_path: Path) -> None:
    assert "Rows: 120" in refuse(UploadTooLarge, write_csv(tmp_path, flowers()), max_rows=100)
    assert "Columns: 4" in refuse(UploadTooLarge, write_csv(tmp_path, flowers()), max_columns=3)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\x80\x04\x95\x00\x00\x00", "pickle"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "office document"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", "gzipped"),
        (b"\x7fELF\x02\x01\x01\x00\x00", "neither text"),
        (b"PK\x03\x04 and nothing else", "not complete"),
    ],
)
def test_it_says_what_it_cannot_read(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "upload"
    path.write_bytes(content)
    assert words in refuse(UnknownFormat, path)


def test_it_refuses_half_a_parquet_file(tmp_path: Path) -> None:
    path = tmp_path / "half.parquet"
    path.write_bytes(b"PAR1 this is not all of it")
    assert "no whole Parquet file" in refuse(BadTable, path)
