"""The environment is read strictly."""

from pathlib import Path

import pytest

from supervisor.configuration import ROOT, read_configuration
from supervisor.errors import SetupError


def test_everything_has_a_default() -> None:
    configuration = read_configuration({})
    assert configuration.home == ROOT / "var"
    assert configuration.site_url == "http://127.0.0.1:8000"
    assert (configuration.network, configuration.workers) == ("devnet", 1)
    assert (configuration.database_url, configuration.broker_url) == ("", "")


def test_the_environment_overrides_the_defaults(tmp_path: Path) -> None:
    configuration = read_configuration(
        {
            "COINAI_HOME": str(tmp_path),
            "COINAI_PORT": "9000",
            "COINAI_NETWORK": "testing",
            "COINAI_WORKERS": "0",
        }
    )
    assert configuration.home == tmp_path
    assert configuration.site_url == "http://127.0.0.1:9000"
    assert (configuration.network, configuration.workers) == ("testing", 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COINAI_PORT", "http"),
        ("COINAI_PORT", "0"),
        ("COINAI_PORT", "65536"),
        ("COINAI_PORT", "-1"),
        ("COINAI_PORT", "८०००"),
        ("COINAI_WORKERS", "many"),
        ("COINAI_NETWORK", "mainnet"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SetupError, match=name):
        read_configuration({name: value})


def test_a_site_on_all_addresses_is_reached_at_home() -> None:
    assert read_configuration({"COINAI_HOST": "0.0.0.0"}).site_url == "http://127.0.0.1:8000"


@pytest.mark.parametrize(("text", "read"), [("", ""), ("0", ""), ("5GiB", "5GiB"), ("500 MiB", "500 MiB")])
def test_a_keeper_is_asked_for_by_what_it_offers(text: str, read: str) -> None:
    assert read_configuration({"COINAI_KEEPER": text}).keeper == read


def test_a_size_that_is_none_is_refused() -> None:
    with pytest.raises(SetupError, match="5GiB"):
        read_configuration({"COINAI_KEEPER": "lots"})
