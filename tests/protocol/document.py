"""The tables of docs/protocol.md that come from the code; `python -m tests.protocol.document` writes them."""

import importlib
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from protocol.errors import ERRORS
from protocol.params import DEVNET, MAIN, TESTING
from protocol.validation import CHECKS

DOCUMENT = Path(__file__).parents[2] / "docs" / "protocol.md"
SITE_ERRORS = (
    "apps.common.errors",
    "apps.common.object_folder",
    "apps.chain.errors",
    "apps.chain.peers.errors",
    "apps.wallet.errors",
    "apps.wallet.cli.errors",
    "apps.pool.errors",
    "apps.pool.worker_errors",
    "apps.explorer.errors",
    "apps.governance.errors",
    "apps.storage.errors",
)


def render_checks() -> Iterable[str]:
    """The checks of a block, cheapest first."""
    yield "| | a block is refused unless | codes |"
    yield "|---|---|---|"
    for check in CHECKS:
        yield f"| {check.number} | {check.rule} | {', '.join(str(error.code) for error in check.errors)} |"


def render_codes() -> Iterable[str]:
    """Every refusal by its code."""
    for module in SITE_ERRORS:
        importlib.import_module(module)
    yield "| code | name | what is refused |"
    yield "|---|---|---|"
    for code in sorted(ERRORS):
        summary = (ERRORS[code].__doc__ or "").strip().split("\n\n")[0]
        yield f"| {code} | `{ERRORS[code].name}` | {' '.join(summary.split())} |"


def render_parameters() -> Iterable[str]:
    """The parameters of the networks."""
    networks = (MAIN, DEVNET, TESTING)
    yield "| parameter | " + " | ".join(network.network for network in networks) + " |"
    yield "|---|---|---|---|"
    for name in networks[0].to_json():
        row = [str(network.to_json()[name]) for network in networks]
        yield f"| `{name}` | {' | '.join(row)} |"


TABLES: dict[str, Callable[[], Iterable[str]]] = {
    "checks": render_checks,
    "codes": render_codes,
    "parameters": render_parameters,
}


def render(text: str) -> str:
    """``text`` with every table between its markers made anew."""
    for name, make in TABLES.items():
        start, end = f"<!-- {name}: made from the code -->", f"<!-- end of {name} -->"
        body = "\n".join([start, "", *make(), "", end])
        parts = re.split(f"{re.escape(start)}.*?{re.escape(end)}", text, flags=re.S)
        if len(parts) != 2:
            raise LookupError(f"docs/protocol.md has {len(parts) - 1} places for the table {name}")
        text = body.join(parts)
    return text


if __name__ == "__main__":
    DOCUMENT.write_text(render(DOCUMENT.read_text()))
