"""The results of a folder as Markdown and as plots."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.keepers.drawing import Panel, Series, draw_panels
from protocol.params import GIB

HEADER = (
    "churn",
    "replicas: model, data",
    "days",
    "lost",
    "fewest copies of a model",
    "time with too few whole copies: models, data",
    "with too few holders",
    "restored within: median, 95%, all",
    "audits: asked, missed",
    "ejected; of them alive, slow, wanting what is lost",
    "moved for repair, GiB",
)
LOAD_HEADER = (
    "churn",
    "replicas",
    "stored, GiB",
    "used share of a keeper: 5%, median, 95%",
    "Gini of the share",
    "Gini of bytes, of capacity",
    "pay a GiB and year, CAI",
    "burned, CAI",
    "repair a year / stored",
)
CAI = 10**8


def write_report(folder: Path) -> str:
    """Write ``report.md`` and the plots; return the Markdown. Unfinished runs are marked."""
    results = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    if not results:
        return "No results yet."
    results.sort(key=lambda item: (item["blocks"], item["churn"], item["model_replicas"]))
    durability = [_describe_durability(item) for item in results]
    load = [_describe_load(item) for item in results]
    text = f"{_make_table(HEADER, durability)}\n\n{_make_table(LOAD_HEADER, load)}\n"
    (folder / "report.md").write_text(text)
    longest = results[-1]
    (folder / "keepers-year.svg").write_text(draw_panels(_plot_run(longest)))
    (folder / "keepers-copies.svg").write_text(draw_panels(_plot_copies(results), columns=2))
    return text


def _describe_durability(item: dict[str, Any]) -> tuple[str, ...]:
    events = item["events"]
    asked = events.get("audits", 0)
    unfinished = " (unfinished)" if item["blocks"] < item["planned_blocks"] - 1 else ""
    return (
        item["churn"],
        f"{item['model_replicas']}, {item['data_replicas']}",
        f"{item['days']:g}{unfinished}",
        f"{events.get('lost', 0)} of {item['models'] + item['data_sets']}",
        _describe_least(item["least_copies"]["models"]),
        _show_shares(item["below_factor_share"]),
        _show_shares(item.get("too_few_holders_share")),
        ", ".join(f"{hours:.1f} h" for hours in item["restored_hours"]),
        f"{asked}, {events.get('audits missed', 0)}",
        _show_ejected(events),
        f"{item['bytes_moved'].get('repair', 0) / GIB:.1f}",
    )


def _show_shares(shares: dict[str, float] | None) -> str:
    return "" if shares is None else f"{100 * shares['models']:.2f}%, {100 * shares['data']:.2f}%"


def _show_ejected(events: dict[str, int]) -> str:
    kinds = ("ejected", "ejected alive", "ejected alive, slow", "ejected alive, wanting what is lost")
    first, *others = (str(events.get(kind, 0)) for kind in kinds)
    return f"{first}; {', '.join(others)}"


def _describe_least(counts: dict[str, int]) -> str:
    """The two smallest numbers of copies that models ever had, and how many had them."""
    return ", ".join(f"{copies}: {count}" for copies, count in list(counts.items())[:2])


def _describe_load(item: dict[str, Any]) -> tuple[str, ...]:
    percentiles = item["load_percentiles"]
    return (
        item["churn"],
        str(item["model_replicas"]),
        f"{item['bytes_at_the_end'] / GIB:.1f}",
        ", ".join(f"{100 * percentiles[number]:.2f}%" for number in (1, 10, 19)),
        f"{item['load_gini']:.3f}",
        f"{item['bytes_gini']:.3f}, {item['capacity_gini']:.3f}",
        f"{item['pay_cai_a_gib_year']:,.0f}".replace(",", " "),
        f"{item['totals']['burned'] / CAI:.2f}",
        f"{item['repair_share_a_year']:.2f}",
    )


def _make_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _plot_run(item: dict[str, Any]) -> list[Panel]:
    """How one run went, over its days."""
    samples = item["samples"]
    days = [sample["day"] for sample in samples]

    def follow(name: str, values: list[float]) -> Series:
        return Series(name, list(zip(days, values, strict=True)))

    shares = item["load_percentiles"]
    return [
        Panel("Keepers that serve", "days", "", [follow("", [sample["keepers"] for sample in samples])]),
        Panel("Stored, GiB", "days", "", [follow("", [sample["used"] / GIB for sample in samples])]),
        Panel(
            "Objects with fewer whole copies than their factor",
            "days",
            "",
            [follow("", [sample["below"] for sample in samples])],
        ),
        Panel(
            "Used share of each keeper's capacity at the end, %",
            "keepers, the emptiest first, %",
            "",
            [Series("", [(5 * number, 100 * share) for number, share in enumerate(shares)])],
        ),
    ]


def _plot_copies(results: list[dict[str, Any]]) -> list[Panel]:
    """For each churn: the share of the models' time with so many whole copies, by factor."""
    panels = []
    for churn in sorted({item["churn"] for item in results}):
        found = [item for item in results if item["churn"] == churn]
        series = [
            Series(
                f"factor {item['model_replicas']}, {item['days']:.0f} days",
                [(int(copies), share) for copies, share in item["copies_share"]["models"].items()],
            )
            for item in found
        ]
        panels.append(
            Panel(f"Share of time with so many copies, {churn} churn", "whole copies", "log", series)
        )
    return panels
