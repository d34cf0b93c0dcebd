"""What the environment says about this run, read strictly: a wrong value is refused before any start."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from supervisor.errors import SetupError

ROOT = Path(__file__).resolve().parent.parent
NETWORKS = ("devnet", "testing", "main")


@dataclass(frozen=True, slots=True)
class Configuration:
    """One run of the system: where its state is, where it listens, what it brings along itself."""

    root: Path  # the checkout
    home: Path  # all state
    host: str
    port: int
    network: str
    workers: int  # mining processes; 0 mines nothing here
    database_url: str  # empty: the embedded PostgreSQL
    broker_url: str  # empty: the embedded Valkey
    keeper: str = ""  # what a keeper on this machine offers, as in 5GiB; empty: there is none

    @property
    def site_url(self) -> str:
        """Where this machine reaches the site."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "") else self.host  # noqa: S104 - compared, not bound
        return f"http://{host}:{self.port}"


def _read_number(environment: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = environment.get(name, "").strip() or str(default)
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise SetupError(f"{name} is {text!r}: set it to a number from {low} to {high}, or unset it.")
    return int(text)


def _read_size(environment: Mapping[str, str], name: str) -> str:
    text = environment.get(name, "").strip()
    if text and not re.fullmatch(r"\d{1,16} ?([KMGT]iB)?", text):
        raise SetupError(f"{name} is {text!r}: set it to a size such as 5GiB, or unset it.")
    return "" if re.fullmatch(r"0+.*", text) else text


def read_configuration(environment: Mapping[str, str] = os.environ) -> Configuration:
    """The configuration of this run. Raises SetupError for a value that cannot be meant."""
    network = environment.get("COINAI_NETWORK", "").strip() or "devnet"
    if network not in NETWORKS:
        raise SetupError(
            f"COINAI_NETWORK is {network!r}: set it to one of {', '.join(NETWORKS)}, or unset it."
        )
    home = Path(environment.get("COINAI_HOME", "").strip() or ROOT / "var").expanduser().absolute()
    return Configuration(
        root=ROOT,
        home=home,
        host=environment.get("COINAI_HOST", "").strip() or "127.0.0.1",
        port=_read_number(environment, "COINAI_PORT", 8000, 1, 65535),
        network=network,
        workers=_read_number(environment, "COINAI_WORKERS", 1, 0, 256),
        database_url=environment.get("DATABASE_URL", "").strip(),
        broker_url=environment.get("BROKER_URL", "").strip(),
        keeper=_read_size(environment, "COINAI_KEEPER"),
    )
