"""Where nobody keeps, the pages teach and the numbers say so; and what a keeper may expect."""

from typing import Any

import pytest
from django.test import Client

from apps.storage.health import read_health
from apps.storage.income import estimate_income, list_terms
from apps.storage.views import read_capacity
from tests.apps.storage.keepers import KeptChain


def read(client: Client, path: str) -> str:
    """A page as text."""
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.content[-500:])
    return answer.content.decode()


@pytest.mark.django_db
def test_the_pages_teach_and_the_first_keeper_may_expect_everything(client: Client, chain: KeptChain) -> None:
    chain.steps(2)
    found = client.get("/api/v1/storage").json()
    assert found["unplaceable"] == found["below_factor"] == found["without_replica"] == found["objects"] == 1
    for path in ("keepers", "audits"):
        assert client.get(f"/api/v1/{path}").json() == {"items": [], "next": None}
    assert "Nobody keeps yet" in read(client, "/keepers/")
    assert "No audit yet" in read(client, "/audits/")
    estimate = estimate_income(list_terms(read_health()), 2**30)
    assert (estimate.share, estimate.per_block, estimate.replicas) == (1.0, 5 * 10**8, 1)
    assert 'value="1.5"' in read(client, "/keepers/join/?capacity=1.5&unit=GiB")
    assert "must be a number above 0" in read(client, "/keepers/join/?capacity=much")


def test_an_estimate_grows_with_the_capacity_until_there_is_nothing_more_to_hold() -> None:
    terms: dict[str, Any] = {
        "keepers": 9,
        "capacity": 9 * 2**30,
        "groups": [[100, 100 * 2**20, 5]],
        "keeper_share": 5 * 10**8,
        "block_seconds": 10,
        "bond_per_gib": 10**6,
    }
    small, large, largest = (estimate_income(terms, size) for size in (2**29, 2**30, 2**40))
    assert small.share < large.share < largest.share
    assert largest.share == pytest.approx(0.2)  # each object once, of five replicas
    assert large.replicas == pytest.approx(50)  # a tenth of the space, five replicas of each object
    assert (small.bond, large.bond) == (500_000, 10**6)


@pytest.mark.parametrize(
    ("amount", "unit", "capacity"), [("1", "GiB", 2**30), ("0.5", "MiB", 2**19), ("2.000001", "MiB", 2097153)]
)
def test_a_capacity_is_read_exactly(amount: str, unit: str, capacity: int) -> None:
    assert read_capacity(amount, unit) == capacity
