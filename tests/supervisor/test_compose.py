"""compose.yaml: valid by the Compose specification, read by a real parser, and true to the commands here."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from supervisor.configuration import ROOT

COMPOSE = ROOT / "compose.yaml"
SECRETS = {"POSTGRES_PASSWORD": "long", "COINAI_SECRET_KEY": "random"}
SCRIPTS = Path(sys.executable).parent


def run_compose(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """What podman-compose makes of the file; a stand-in answers for podman, which parsing does not need."""
    podman = folder / "podman"
    podman.write_text("#!/bin/sh\necho podman version 5.0.0\n")
    podman.chmod(0o755)
    return subprocess.run(
        [str(SCRIPTS / "podman-compose"), "-f", str(COMPOSE), "config"],
        capture_output=True,
        text=True,
        env={"PATH": f"{folder}:{os.environ['PATH']}", "HOME": str(folder), **environment},
        check=False,
    )


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The file with its anchors merged and its variables filled in."""
    done = run_compose(tmp_path_factory.mktemp("compose"), **SECRETS)
    assert done.returncode == 0, done.stderr
    content: dict[str, Any] = yaml.safe_load(done.stdout)
    return content


def test_it_is_valid_by_the_compose_specification() -> None:
    command = [str(SCRIPTS / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("missing", sorted(SECRETS))
def test_it_refuses_to_start_without_a_secret(tmp_path: Path, missing: str) -> None:
    done = run_compose(tmp_path, **{name: value for name, value in SECRETS.items() if name != missing})
    assert done.returncode != 0
    assert missing in done.stderr


def test_it_has_every_process_of_the_house(parsed: dict[str, Any]) -> None:
    expected = {
        "postgres",
        "valkey",
        "setup",
        "web",
        "node",
        "coordinator",
        "site-tasks",
        "miner",
        "verifier",
    }
    named = {name for name, service in parsed["services"].items() if not service.get("profiles")}
    assert named == expected


def test_what_it_names_exists(parsed: dict[str, Any]) -> None:
    for name, service in parsed["services"].items():
        assert set(service.get("depends_on", {})) <= set(parsed["services"]), name
        assert set(service.get("networks", [])) <= set(parsed["networks"]), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in parsed["volumes"] or (ROOT / source).exists(), name
        for needed, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in parsed["services"][needed], needed


def test_workers_never_see_the_database_or_a_secret(parsed: dict[str, Any]) -> None:
    for name in ("miner", "verifier"):
        assert parsed["services"][name]["build"]["target"] == "worker"
        assert not {"DATABASE_URL", "COINAI_SECRET_KEY"} & set(parsed["services"][name]["environment"])


def test_several_web_processes_share_one_port(parsed: dict[str, Any]) -> None:
    published = [
        name
        for name, service in parsed["services"].items()
        if service.get("ports") and not service.get("profiles")
    ]
    assert published == ["web"]
    assert "--processes" in parsed["services"]["web"]["command"][-1]


def test_the_image_copies_only_what_exists() -> None:
    for line in (ROOT / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY "):
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists(), source


def test_no_secret_is_in_the_file() -> None:
    for line in COMPOSE.read_text().splitlines():
        if ("PASSWORD:" in line or "SECRET_KEY:" in line) and not line.lstrip().startswith("#"):
            assert "${" in line, line


def test_every_process_names_itself_in_its_logs(parsed: dict[str, Any]) -> None:
    for name in ("web", "node", "coordinator", "site-tasks", "miner", "verifier"):
        environment = parsed["services"][name]["environment"]
        assert (environment["COINAI_PROCESS"], environment["COINAI_LOG_FORMAT"]) == (name, "json")


def test_prometheus_asks_the_web_service_and_grafana_finds_the_dashboard(parsed: dict[str, Any]) -> None:
    ops = ROOT / "ops"
    told = yaml.safe_load((ops / "prometheus-compose.yml").read_text())
    assert told["scrape_configs"][0]["static_configs"][0]["targets"] == ["web:8000"]
    provider = yaml.safe_load((ops / "grafana" / "dashboards" / "coinai.yml").read_text())["providers"][0]
    source = yaml.safe_load((ops / "grafana" / "datasources" / "prometheus.yml").read_text())
    assert source["datasources"][0]["url"] == "http://prometheus:9090"
    compose = yaml.safe_load(COMPOSE.read_text())["services"]
    mounted = [volume.split(":")[1] for volume in compose["grafana"]["volumes"]]
    assert any(path.startswith(provider["options"]["path"]) for path in mounted)
    assert all(compose[name]["profiles"] == ["monitoring"] for name in ("prometheus", "grafana"))
