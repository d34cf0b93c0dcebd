"""Headers, error pages, health and metrics."""

import pytest
from django.test import Client, RequestFactory

from apps.common.errors import BadParameter, NotFound, build_problem, get_status
from apps.common.http import parse_range
from apps.common.middleware import build_policy
from protocol.errors import ObjectMissing

pytestmark = pytest.mark.django_db


def test_no_page_may_load_anything_foreign_or_inline(client: Client) -> None:
    policy = client.get("/healthz")["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "ws://testserver" in policy


def test_a_strange_host_header_cannot_get_into_the_policy() -> None:
    request = RequestFactory().get("/", headers={"Host": "a; script-src *"})
    assert "script-src *" not in build_policy(request)


def test_every_answer_has_the_headers_of_a_careful_site(client: Client) -> None:
    response = client.get("/nothing-here")
    assert response.status_code == 404
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "DENY"
    assert response["Referrer-Policy"] == "same-origin"


def test_programs_get_problems_and_people_get_pages(client: Client) -> None:
    assert client.get("/api/v1/nothing-here")["Content-Type"] == "application/problem+json"
    assert client.get("/nothing-here")["Content-Type"].startswith("text/")


def test_the_icon_is_found_under_the_name_that_browsers_try(client: Client) -> None:
    assert client.get("/favicon.ico")["Location"].startswith("/static/img/favicon.")


def test_metrics_are_there_even_before_there_is_a_chain(client: Client) -> None:
    assert b"python_info" in client.get("/metrics").content


def test_errors_know_their_status() -> None:
    assert get_status(NotFound("block")) == 404
    assert get_status(BadParameter("limit", "smaller")) == 400
    assert get_status(ObjectMissing("ab" * 32, "model")) == 404
    assert build_problem(NotFound("block"))["title"] == "Not found"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", None),
        ("bytes=-", None),
        ("items=0-1", None),
        ("bytes=0-1,3-4", None),
        ("bytes=5-4", None),
        ("bytes=0-0", (0, 1)),
        ("bytes=2-", (2, 8)),
        ("bytes=2-999", (2, 8)),
        ("bytes=-3", (7, 3)),
        ("bytes=-99", (0, 10)),
    ],
)
def test_one_byte_range_is_understood(header: str, expected: tuple[int, int] | None) -> None:
    assert parse_range(header, 10) == expected
