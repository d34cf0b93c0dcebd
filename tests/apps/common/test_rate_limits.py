"""Nobody takes the API from the others; without a broker nobody is kept out."""

from typing import Any

import pytest
import redis
from django.test import Client

from apps.common import rate_limits
from apps.common.rate_limits import Buckets, get_buckets, name_client
from tests.waiting import wait_until

STRANGER = {"REMOTE_ADDR": "203.0.113.7"}


@pytest.fixture(autouse=True)
def limits(settings: Any) -> Any:
    """Few requests, at a rate at which none comes back while a test runs; no buckets of other tests."""
    settings.COINAI_RATE_READ = (0.01, 3)
    settings.COINAI_RATE_WORK = (0.01, 1)
    redis.Redis.from_url(settings.CHANNEL_URL).flushdb()
    get_buckets.cache_clear()
    yield settings
    get_buckets.cache_clear()


def ask(client: Client, path: str = "/api/schema", **extra: Any) -> Any:
    return client.get(path, **(STRANGER | extra))


def test_too_many_requests_are_told_when_to_come_again(client: Client) -> None:
    assert [ask(client).status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    refused = ask(client)
    assert refused["Content-Type"] == "application/problem+json"
    assert (refused.json()["status"], refused.json()["code"]) == (429, 1119)
    assert 0 < int(refused["Retry-After"]) <= 100
    assert refused["Access-Control-Allow-Origin"] == "*"


def test_tokens_come_back(client: Client, limits: Any) -> None:
    limits.COINAI_RATE_READ = (0.5, 1)
    cheap = "/api/v1/nothing"  # answered well within the two seconds that a token takes to come back
    assert ask(client, cheap).status_code == 404
    wait_until(lambda: ask(client, cheap).status_code == 429, what="a refusal")
    wait_until(lambda: ask(client, cheap).status_code == 404, what="a token")


def test_everybody_has_buckets_of_their_own(client: Client) -> None:
    for _ in range(4):
        last = ask(client)
    assert last.status_code == 429
    assert ask(client, REMOTE_ADDR="203.0.113.8").status_code == 200
    assert client.post("/api/v1/derive", {}, REMOTE_ADDR=STRANGER["REMOTE_ADDR"]).status_code == 400
    assert client.post("/api/v1/derive", {}, REMOTE_ADDR=STRANGER["REMOTE_ADDR"]).status_code == 429


@pytest.mark.django_db
def test_this_machine_and_pages_are_not_limited(client: Client, limits: Any) -> None:
    for _ in range(5):
        assert client.get("/api/schema").status_code == 200
        assert ask(client, "/nothing").status_code == 404
    limits.COINAI_RATE_EXEMPT = ["203.0.113.0/24"]
    assert all(ask(client).status_code == 200 for _ in range(5))


def test_limits_can_be_switched_off(client: Client, limits: Any) -> None:
    limits.COINAI_RATE_READ = None
    assert all(ask(client).status_code == 200 for _ in range(5))


def test_without_a_broker_nobody_is_kept_out(client: Client, limits: Any) -> None:
    limits.CHANNEL_URL = "unix:///nowhere/broker.sock?db=0"
    assert all(ask(client).status_code == 200 for _ in range(5))


def test_a_dead_broker_is_asked_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    buckets = Buckets("redis://127.0.0.1:1/0")
    asked: list[Any] = []

    def fail(**given: Any) -> None:
        asked.append(given)
        raise redis.ConnectionError

    monkeypatch.setattr(buckets, "_take", fail)
    assert [buckets.take("x", 1, 1) for _ in range(3)] == [0.0] * 3
    assert len(asked) == 1
    monkeypatch.setattr(rate_limits, "LOOK_AGAIN_SECONDS", 0.0)
    buckets._away_until = 0.0
    buckets.take("x", 1, 1)
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("127.0.0.5", None),
        ("::1", None),
        ("", None),
    ],
)
def test_a_client_is_an_address_or_a_network(address: str, name: str | None) -> None:
    assert name_client(address) == name
