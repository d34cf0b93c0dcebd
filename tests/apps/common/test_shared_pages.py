"""Pages that are made once for many visitors (docs/decisions/0037)."""

import threading
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.test import RequestFactory

from apps.common import shared_pages
from apps.common.models import LiveTopic
from apps.common.shared_pages import MOST, View, share

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _sharing(settings: Any) -> Iterator[None]:
    settings.COINAI_SHARE_SECONDS = 60
    shared_pages.forget()
    yield
    shared_pages.forget()


@pytest.fixture
def page() -> View:
    """A view that says how often it was asked."""
    numbers = count(1)
    return share(lambda request: HttpResponse(f"made {next(numbers)}"), "mempool")


def ask(page: View, path: str = "/blocks/", **headers: str) -> str:
    response = page(RequestFactory().get(path, headers=headers))
    assert isinstance(response, HttpResponse)
    return response.content.decode()


def test_a_page_is_made_once_for_many(page: View) -> None:
    assert [ask(page), ask(page)] == ["made 1", "made 1"]
    assert ask(page, "/blocks/?before=7") == "made 2"


@pytest.mark.parametrize("topic", ["tip", "governance", "mempool"])
def test_it_is_made_again_when_what_it_follows_moves(page: View, topic: str) -> None:
    ask(page)
    LiveTopic.objects.update_or_create(topic=topic, defaults={"sequence": 5})
    assert ask(page) == "made 2"
    LiveTopic.objects.filter(topic=topic).update(sequence=6)
    assert ask(page) == "made 3"


def test_another_topic_leaves_it_as_it_is(page: View) -> None:
    ask(page)
    LiveTopic.objects.create(topic="training", sequence=5)
    assert ask(page) == "made 1"


def test_it_is_made_again_when_its_time_is_over(page: View, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(page)
    later = time.monotonic() + 61
    monkeypatch.setattr("apps.common.shared_pages.time.monotonic", lambda: later)
    assert ask(page) == "made 2"


def test_who_is_known_sees_a_page_of_their_own(page: View) -> None:
    ask(page)
    request = RequestFactory().get("/blocks/")
    request.COOKIES["coinai-session"] = "somebody"
    assert page(request).content == b"made 2"  # type: ignore[attr-defined]
    assert ask(page) == "made 1"


@pytest.mark.parametrize("header", ["no-cache", "max-age=0"])
def test_reloading_by_hand_brings_a_new_one(page: View, header: str) -> None:
    ask(page)
    assert ask(page, **{"Cache-Control": header}) == "made 2"


def test_parts_for_htmx_are_not_shared(page: View) -> None:
    ask(page)
    assert [ask(page, **{"HX-Request": "true"}) for _ in range(2)] == ["made 2", "made 3"]
    assert ask(page) == "made 1"


def test_a_token_or_a_cookie_goes_to_one_visitor() -> None:
    def with_token(request: HttpRequest) -> HttpResponse:
        return HttpResponse(get_token(request))

    def with_cookie(request: HttpRequest) -> HttpResponse:
        response = HttpResponse(str(next(numbers)))
        response.set_cookie("a", "b")
        return response

    numbers = count()
    assert ask(share(with_token)) != ask(share(with_token))
    page = share(with_cookie)
    assert ask(page) != ask(page)


def test_an_error_is_not_kept() -> None:
    answers = iter([HttpResponse("not yet", status=503), HttpResponse("here")])
    page = share(lambda request: next(answers))
    assert [ask(page), ask(page)] == ["not yet", "here"]


def test_who_comes_while_it_is_made_waits_for_it() -> None:
    begun, may_end = threading.Event(), threading.Event()
    numbers = count(1)

    def slow(request: HttpRequest) -> HttpResponse:
        begun.set()
        assert may_end.wait(30)
        return HttpResponse(f"made {next(numbers)}")

    page, said = share(slow), []
    visitors = [threading.Thread(target=lambda: said.append(ask(page))) for _ in range(3)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared_pages, "_read_version", lambda topics: ())  # threads have no database here
        for visitor in visitors:
            visitor.start()
        assert begun.wait(30)
        may_end.set()
        for visitor in visitors:
            visitor.join(30)
    assert said == ["made 1"] * 3


def test_it_keeps_no_more_than_it_may(page: View) -> None:
    for number in range(MOST + 10):
        ask(page, f"/blocks/?before={number}")
    assert len(shared_pages._places) == MOST
    assert ask(page, "/blocks/?before=0") == f"made {MOST + 11}"


def test_nothing_is_shared_where_the_operator_does_not_want_it(page: View, settings: Any) -> None:
    settings.COINAI_SHARE_SECONDS = 0
    assert [ask(page), ask(page)] == ["made 1", "made 2"]
