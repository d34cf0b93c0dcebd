"""Numbers, times and names as the pages show them."""

import pytest

from apps.common import formats

NARROW = formats.NARROW


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (4000, "4000"), (12000, "12 000"), (9007199254740991, "9 007 199 254 740 991")],
)
def test_long_numbers_are_grouped(value: int, text: str) -> None:
    assert formats.group_digits(value) == text.replace(" ", NARROW)


@pytest.mark.parametrize(
    ("ppm", "text"), [(10**6, "100%"), (500000, "50.0%"), (74321, "7.43%"), (10000, "1.00%"), (838, "0.084%")]
)
def test_errors_are_percentages(ppm: int, text: str) -> None:
    assert formats.format_percent(ppm) == text


@pytest.mark.parametrize(
    ("ppm", "text"), [(162_500, "16.3%"), (161_500, "16.1%"), (12_250, "1.23%"), (162_250, "16.2%")]
)
def test_exact_halves_go_up_as_in_the_browser(ppm: int, text: str) -> None:
    assert formats.format_percent(ppm) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0"), (1, "0.00000001"), (45 * 10**8, "45"), (10**14, "1 000 000"), (123450000000, "1234.5")],
)
def test_amounts_have_no_needless_zeros(amount: int, text: str) -> None:
    assert formats.format_coins(amount) == text.replace(" ", NARROW)


def test_amounts_in_columns_keep_all_decimals() -> None:
    assert formats.split_coins(45 * 10**8) == ("45", ".00000000")
    assert formats.split_coins(4501000000) == ("45.01", "000000")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (999, "999"),
        (9999, "9999"),
        (26084928, "26.1 M"),
        (10000, "10 k"),
        (999_999, "1 M"),
        (5 * 10**9, "5 G"),
    ],
)
def test_counts_are_shortened(value: int, text: str) -> None:
    assert formats.format_si(value) == text.replace(" ", NARROW)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0:01"), (42, "0:42"), (725, "12:05"), (10890, "3:01:30"), (-5, "0:00")]
)
def test_a_count_down_rounds_up(seconds: float, text: str) -> None:
    assert formats.format_clock(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "now"),
        (12, "12 s ago"),
        (180, "3 min ago"),
        (7200, "2 h ago"),
        (4 * 86400, "4 d ago"),
        (-9, "in 9 s"),
    ],
)
def test_times_are_relative(seconds: float, text: str) -> None:
    assert formats.format_ago(seconds) == text.replace(" s", NARROW + "s").replace(
        " min", NARROW + "min"
    ).replace(" h", NARROW + "h").replace(" d", NARROW + "d")


@pytest.mark.parametrize(
    ("value", "text"), [(812, "812 B"), (64870, "63.3 KiB"), (1310720, "1.25 MiB"), (2 * 2**30, "2.00 GiB")]
)
def test_lengths_have_binary_units(value: int, text: str) -> None:
    assert formats.format_bytes(value) == text.replace(" ", NARROW)


def test_identifiers_are_shortened_in_the_middle() -> None:
    assert formats.shorten("0123456789abcdef0123456789abcdef") == "01234567…abcdef"
    assert formats.shorten("short") == "short"
