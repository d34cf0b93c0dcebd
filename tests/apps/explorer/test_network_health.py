"""How the parts of the node are, shown on the network's page for people."""

import re

import pytest
from django.test import Client

from apps.common import health
from apps.common.health import Problem, Status, register_check

pytestmark = pytest.mark.django_db


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def test_each_part_says_how_it_is_and_what_to_do(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_checks", {})
    register_check("kettle", lambda: None, about="boils")
    answer = client.get("/fragments/health/")
    assert "Every part of this node is well" in words(answer.content.decode())
    cold = Problem("The cup is <cold>.", "No tea.", "Warm it.", Status.DEGRADED)
    register_check("cup", lambda: cold)
    text = client.get("/fragments/health/").content.decode()
    assert "&lt;cold&gt;" in text
    assert "cup degraded The cup is &lt;cold&gt;. No tea. To do: Warm it." in words(text)
    assert "The chain and the pages go on" in text
    register_check("pot", lambda: "The pot is broken.")
    answer = client.get("/fragments/health/")
    assert answer.status_code == 200
    assert "does not work" in answer.content.decode()


def test_the_page_asks_for_it_and_has_a_link_without_script(client: Client, genesis: object) -> None:
    html = client.get("/network/").content.decode()
    assert 'hx-get="/fragments/health/"' in html
    assert 'href="/healthz"' in html
