"""What holds for every answer of the API, whichever app gives it."""

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


def test_an_unknown_method_is_answered_with_a_problem(client: Client) -> None:
    for method, path, allowed in [
        ("delete", "/api/v1/status", "GET, HEAD"),
        ("get", "/api/v1/derive", "POST"),
        ("put", "/api/v1/transactions", "POST"),
        ("head", "/api/v1/derive", "POST"),
    ]:
        response = getattr(client, method)(path)
        assert (response.status_code, response["Allow"]) == (405, allowed)
        assert response["Content-Type"] == "application/problem+json"
        assert method == "head" or response.json()["code"] == 1118


def test_unknown_addresses_are_answered_with_a_problem(client: Client) -> None:
    for path in ("/api/", "/api/v1/nothing", "/api/v2/status", "/api/v1/status/"):
        response = client.get(path)
        assert (response.status_code, response.json()["code"]) == (404, 1110)
        assert response["Content-Type"] == "application/problem+json"
        assert response["Access-Control-Allow-Origin"] == "*"


def test_what_is_read_has_an_etag_whoever_answers(client: Client) -> None:
    for path in ("/api/schema", "/api/docs", "/api/v1/search?q=x", "/api/v1/statistics"):
        first = client.get(path)
        assert first["Cache-Control"] == "no-cache"
        again = client.get(path, headers={"If-None-Match": first["ETag"]})
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
        assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_head_is_answered_wherever_get_is(client: Client) -> None:
    for path in ("/api/schema", "/api/v1/search?q=x"):
        head, got = client.head(path), client.get(path)
        assert (head.status_code, head.content, head["ETag"]) == (200, b"", got["ETag"])


def test_errors_of_the_server_are_problems_without_details(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **options: object) -> None:
        raise RuntimeError("the secret")

    monkeypatch.setattr("apps.explorer.api.search", fail)
    client.raise_request_exception = False
    response = client.get("/api/v1/search?q=x")
    assert (response.status_code, response.json()["code"]) == (500, 1115)
    assert b"secret" not in response.content
