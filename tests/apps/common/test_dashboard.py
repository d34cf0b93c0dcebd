"""Dashboard and alerts of ops/: valid, and every metric that they ask for exists."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.db.models import BigIntegerField, BooleanField
from django.test import Client

from apps.chain.genesis import init_chain
from apps.chain.models import NodeHeartbeat
from apps.common import metrics_web
from apps.common.models import LiveTopic
from apps.storage.models import KeeperBeat

OPS = Path(settings.BASE_DIR) / "ops"
NAME = re.compile(r"\bcoinai_[a-z0-9_]+")
LABEL = re.compile(r"\b(\w+)\s*=~?\s*\"|\{\{ ?(?:\$labels\.)?(\w+) ?\}\}")


def list_panels(panels: list[Any]) -> Iterator[Any]:
    for panel in panels:
        yield panel
        yield from list_panels(panel.get("panels", []))


@pytest.fixture
def exposed(client: Client, db: None) -> dict[str, set[str]]:
    """The samples of /metrics of a site with a chain, and their labels."""
    init_chain()
    moment = "2020-01-01T00:00:00Z"
    NodeHeartbeat.objects.create(id=1, pid=7, started_at=moment, beat_at=moment)
    LiveTopic.objects.create(topic="tip")
    KeeperBeat.objects.create(
        address="cai1keeper",
        pid=8,
        started_at=moment,
        beat_at=moment,
        **{
            field.name: 0
            for field in KeeperBeat._meta.fields
            if isinstance(field, BigIntegerField | BooleanField)
        },
    )
    metrics_web._SOCKETS.labels("/ws/live/")
    metrics_web._MESSAGES.labels("/ws/live/", "out")
    for kind in metrics_web._POOL_STATS:
        metrics_web._POOL.labels(kind)
    client.get("/healthz/live")
    found: dict[str, set[str]] = {}
    for line in client.get("/metrics").content.decode().splitlines():
        if not line.startswith("#"):
            name, _, rest = line.partition(" ")[0].partition("{")
            found.setdefault(name, set()).update(re.findall(r'(\w+)="', rest))
        elif line.startswith("# TYPE "):
            found.setdefault(line.split()[2], set())
    return found


def test_every_query_of_the_dashboard_names_metrics_and_labels_that_exist(
    exposed: dict[str, set[str]],
) -> None:
    dashboard = json.loads((OPS / "grafana-dashboard.json").read_text())
    panels = list(list_panels(dashboard["panels"]))
    assert len({panel["id"] for panel in panels}) == len(panels)
    asked: set[str] = set()
    for panel in panels:
        if panel["type"] == "row":
            continue
        assert panel["targets"], panel["title"]
        for target in panel["targets"]:
            names = NAME.findall(target["expr"])
            assert names, (panel["title"], target["expr"])
            for name in names:
                assert name in exposed, (panel["title"], name)
            labels = {one or other for one, other in LABEL.findall(target["expr"] + target["legendFormat"])}
            known = set().union(*(exposed[name] for name in names)) | {"instance"}
            assert labels <= known, (panel["title"], labels - known)
            asked.update(names)
    # What is measured is shown: nothing of the site is left out of the dashboard.
    left = {name for name in exposed if name.startswith("coinai_")} - asked
    assert {name for name in left if not re.search(r"_(created|sum|bucket|count|seconds)$", name)} <= {
        "coinai_work"
    }


def test_every_alert_asks_for_metrics_that_exist_and_says_what_to_do(
    exposed: dict[str, set[str]],
) -> None:
    rules = yaml.safe_load((OPS / "alerts.yml").read_text())["groups"][0]["rules"]
    assert len({rule["alert"] for rule in rules}) == len(rules) >= 15
    for rule in rules:
        for name in NAME.findall(rule["expr"]):
            assert name in exposed, (rule["alert"], name)
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert {"summary", "do"} <= set(rule["annotations"])


def test_prometheus_is_told_where_the_metrics_and_the_alerts_are() -> None:
    told = yaml.safe_load((OPS / "prometheus.yml").read_text())
    assert told["scrape_configs"][0]["metrics_path"] == "/metrics"
    assert [(OPS / name).exists() for name in told["rule_files"]] == [True]
