"""What protects sessions from other sites: cookies, CSRF, origins, frames, redirects, limits."""

from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.core.management import call_command
from django.test import Client, RequestFactory

from apps.common.rate_limits import get_buckets
from apps.wallet.access import check_next, get_safe_next
from apps.wallet.errors import UnsafeNext
from apps.wallet.models import WalletSession
from tests.apps.wallet.browser import Browser
from tests.protocol.cast import ALICE, BOB

pytestmark = pytest.mark.django_db
Open = Callable[..., Browser]
EVIL = "https://evil.example"


class TestCookies:
    """What the browser is told about them."""

    def test_signing_in_makes_a_new_cookie(self, browser: Open) -> None:
        window = browser()
        window.sign_in()
        first = window.cookies["coinai-session"].value
        window.sign_in()
        assert window.cookies["coinai-session"].value != first

    def test_a_planted_cookie_signs_nobody_in(self, browser: Open) -> None:
        attacker, victim = browser(), browser()
        attacker.sign_in(BOB)
        planted = attacker.cookies["coinai-session"].value
        victim.cookies["coinai-session"] = planted
        victim.sign_in(ALICE)
        assert victim.cookies["coinai-session"].value != planted
        attacker.cookies["coinai-session"] = planted
        assert attacker.find_address() is None
        assert victim.find_address() == ALICE.address

    def test_an_invented_cookie_signs_nobody_in(self, browser: Open) -> None:
        window = browser()
        window.cookies["coinai-session"] = "a" * 32
        assert window.find_address() is None
        window.sign_in()
        assert window.cookies["coinai-session"].value != "a" * 32

    def test_scripts_and_other_sites_get_none_of_them(self, browser: Open) -> None:
        window = browser()
        window.sign_in()
        cookie = window.cookies["coinai-session"]
        assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
        assert int(cookie["max-age"]) == 30 * 86_400
        window.ask()
        cookie = window.cookies["coinai-sign-in"]
        assert (cookie["httponly"], cookie["samesite"], int(cookie["max-age"])) == (True, "Strict", 600)

    def test_over_https_they_are_secure(self, settings: Any, genesis: Any) -> None:
        settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
        settings.SESSION_COOKIE_NAME = "__Host-coinai-session"
        window = Client()
        asked = window.post(
            "/api/v1/session/challenge",
            {"address": ALICE.address},
            content_type="application/json",
            secure=True,
        )
        assert "URI: https://testserver/wallet/" in asked.json()["message"]
        assert window.cookies["__Host-coinai-sign-in"]["secure"]
        message = asked.json()["message"]
        helper = Browser()
        helper.cookies, helper.defaults = window.cookies, {**helper.defaults, "HTTP_HOST": "testserver"}
        helper.answer(message)
        assert window.cookies["__Host-coinai-session"]["secure"]


class TestOtherSites:
    """Somebody lures Alice to a page of theirs."""

    @pytest.mark.parametrize(
        ("method", "path"), [("DELETE", "session"), ("DELETE", "sessions"), ("DELETE", "sessions/x")]
    )
    def test_a_change_needs_the_token(self, browser: Open, method: str, path: str) -> None:
        window = browser()
        window.sign_in()
        for headers in ({}, {"x-csrftoken": "x" * 64}, {"x-csrftoken": window.csrf, "origin": EVIL}):
            answer = window.send(path, None, method=method, **headers)
            assert (answer.status_code, answer.json()["code"]) == (403, 1201)
        assert window.find_address() == ALICE.address

    def test_revoking_a_worker_key_needs_the_token(self, browser: Open) -> None:
        window = browser()
        window.sign_in()
        answer = window.send(f"wallet/worker-keys/{BOB.key}/revoke", None)
        assert (answer.status_code, answer.json()["code"]) == (403, 1201)

    def test_a_token_of_another_visitor_does_not_do(self, browser: Open) -> None:
        window, other = browser(), browser()
        window.sign_in()
        other.sign_in(BOB)
        window.csrf = other.csrf
        assert window.change("DELETE", "session").json()["code"] == 1201

    def test_the_token_is_there_for_pages_of_this_site_alone(self, browser: Open) -> None:
        window = browser()
        window.sign_in()
        answer = window.get("/api/v1/session", headers={"origin": EVIL})
        assert "Access-Control-Allow-Origin" not in answer
        assert answer["Cache-Control"] == "no-store, private"
        assert "Cookie" in answer["Vary"]
        asked = window.options("/api/v1/session", headers={"origin": EVIL})
        assert "Access-Control-Allow-Origin" not in asked

    def test_no_answer_ever_allows_foreign_scripts_to_send_cookies(self, browser: Open) -> None:
        window = browser()
        window.sign_in()
        for path in ("/api/v1/status", "/api/v1/session", "/api/v1/faucet", "/api/v1/sessions", "/"):
            for answer in (window.get(path, headers={"origin": EVIL}), window.options(path)):
                assert "Access-Control-Allow-Credentials" not in answer
                assert answer.get("Access-Control-Allow-Origin", "*") == "*"

    def test_a_foreign_page_signs_nobody_in(self, browser: Open) -> None:
        window = browser()
        message = window.ask(BOB)["message"]  # login CSRF: Alice would act as Bob without knowing
        body = {"key": BOB.key, "message": message, "signature": "00" * 64}
        for headers in (
            {"origin": EVIL},
            {"origin": "null"},
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
        ):
            for path, content in (("session", body), ("session/challenge", {"address": BOB.address})):
                answer = window.send(path, content, **headers)
                assert (answer.status_code, answer.json()["code"]) == (403, 1202)

    def test_a_form_of_another_site_signs_nobody_in(self, browser: Open) -> None:
        window = browser()
        message = window.ask(BOB)["message"]
        sent = window.generic(
            "POST",
            "/api/v1/session",
            b'{"key":"00","message":"' + message[:9].encode() + b'","signature":"00","next":"="}',
            content_type="text/plain",
        )
        assert (sent.status_code, sent.json()["code"]) == (400, 1203)

    def test_its_own_pages_sign_in(self, browser: Open) -> None:
        window = browser("localhost:8000")
        headers = {"origin": "http://localhost:8000", "sec-fetch-site": "same-origin"}
        asked = window.send("session/challenge", {"address": ALICE.address}, **headers)
        assert asked.status_code == 200

    @pytest.mark.parametrize("path", ["/", "/faucet/", "/wallet/", "/api/v1/session", "/nothing"])
    def test_no_site_puts_it_into_a_frame(self, browser: Open, path: str) -> None:
        answer = browser().get(path)
        assert answer["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]

    def test_a_host_that_is_not_ours_gets_no_message_to_sign(self, browser: Open) -> None:
        window = browser("evil.example")
        assert window.send("session/challenge", {"address": ALICE.address}).status_code == 400


class TestGoingOn:
    """``next``: where to go after signing in."""

    @pytest.mark.parametrize(
        "address",
        [
            EVIL,
            "//evil.example/",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "javascript:alert(1)",
            "wallet/",
            "https:evil.example",
            "///evil.example",
        ],
    )
    def test_it_never_leads_to_another_site(self, browser: Open, address: str) -> None:
        with pytest.raises(UnsafeNext):
            check_next(address)
        assert get_safe_next(RequestFactory().get("/wallet/", {"next": address}), "/wallet/") == "/wallet/"
        window = browser()
        answer = window.answer(window.ask()["message"], next=address)
        assert (answer.status_code, answer.json()["code"]) == (400, 1212)
        assert window.find_address() is None

    def test_it_leads_back_to_a_page_of_this_site(self, browser: Open) -> None:
        window = browser()
        path = "/wallet/workers/?a=1#x"
        assert window.answer(window.ask()["message"], next=path).json()["next"] == path
        assert get_safe_next(RequestFactory().get("/wallet/", {"next": path})) == path
        assert get_safe_next(RequestFactory().get("/wallet/")) == ""


class TestLimits:
    """Nobody signs in, or tries to, as often as they like."""

    @pytest.fixture(autouse=True)
    def limits(self, settings: Any, genesis: Any) -> Any:
        """Two at once, and a broker without the buckets of other tests."""
        settings.COINAI_RATE_SIGN_IN = (0.5, 2)
        redis.Redis.from_url(settings.CHANNEL_URL).flushdb()
        get_buckets.cache_clear()
        yield settings
        get_buckets.cache_clear()

    def ask(self, client: str) -> Any:
        body = {"address": ALICE.address}
        return Client(REMOTE_ADDR=client).post("/api/v1/session/challenge", body, "application/json")

    def try_key(self, client: str, key: str = ALICE.key) -> Any:
        body = {"key": key, "message": "x", "signature": "00"}
        return Client(REMOTE_ADDR=client).post("/api/v1/session", body, "application/json")

    def test_a_client_asks_for_so_many_messages(self) -> None:
        answers = [self.ask("203.0.113.7") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert (answers[2].json()["code"], answers[2]["Retry-After"]) == (1213, "2")
        assert self.ask("203.0.113.8").status_code == 200

    def test_a_key_is_tried_so_often_whoever_tries(self) -> None:
        answers = [self.try_key(f"203.0.113.{number}") for number in (10, 11, 12)]
        assert [answer.json()["code"] for answer in answers] == [1203, 1203, 1213]
        assert self.try_key("203.0.113.13", BOB.key).json()["code"] == 1203

    def test_limits_can_be_switched_off(self, limits: Any) -> None:
        limits.COINAI_RATE_SIGN_IN = None
        assert [self.ask("203.0.113.7").status_code for _ in range(4)] == [200] * 4


def test_there_are_no_users_and_no_passwords(settings: Any) -> None:
    assert not {"django.contrib.auth", "django.contrib.admin"} & set(settings.INSTALLED_APPS)
    names = {field.name for field in WalletSession._meta.get_fields()}
    assert not {"password", "secret", "cookie", "session_key"} & names


def test_the_check_for_production_finds_only_what_is_explained(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = False
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    settings.SECURE_HSTS_SECONDS = 30 * 86_400
    settings.COINAI_HASHED_STATIC = True
    settings.SECRET_KEY = "".join(chr(33 + number % 90) for number in range(60))
    call_command("check", deploy=True, fail_level="WARNING")
