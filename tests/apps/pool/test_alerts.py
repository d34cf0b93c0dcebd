"""Silent workers: told once, and once when they are back; to webhooks that lead nowhere they should not."""

import hashlib
import hmac
import http.server
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from apps.pool import alerts, services, tasks, webhooks
from apps.pool.errors import BadWebhook
from apps.pool.models import Alert, AlertKind, AlertSettings, EnrolledWorker, Lease
from tests.apps.pool import money

URL = "https://hook.example:8443/alerts?key=1"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Alerts whose sending was asked for, instead of a broker."""
    ids: list[int] = []

    def request(name: str, *, alert: int) -> bool:
        assert name == alerts.TASK
        ids.append(alert)
        return True

    monkeypatch.setattr(alerts, "request_task", request)
    return ids


@pytest.fixture
def worker(start: int) -> EnrolledWorker:
    return EnrolledWorker.objects.create(
        key="ab" * 32,
        token_key="cd" * 32,
        member=services.ensure_member(address=money.ALICE),
        name="tower",
        device="cpu",
        enrolled_at=timezone.now(),
        seen_at=timezone.now(),
    )


def watch(worker: EnrolledWorker, webhook: str = "") -> AlertSettings:
    return alerts.save_settings(member=worker.member, is_on=True, minutes=10, webhook=webhook)


def list_kinds() -> list[str]:
    return list(Alert.objects.order_by("id").values_list("kind", flat=True))


def seen(worker: EnrolledWorker, at: datetime) -> None:
    EnrolledWorker.objects.filter(key=worker.key).update(seen_at=at)


def test_silence_is_told_once_and_so_is_coming_back(worker: EnrolledWorker, asked: list[int]) -> None:
    watch(worker)
    now = timezone.now()
    assert alerts.watch_workers(now + timedelta(minutes=9)) == 0
    assert alerts.watch_workers(now + timedelta(minutes=11)) == 1
    assert alerts.watch_workers(now + timedelta(minutes=12)) == 0
    seen(worker, now + timedelta(minutes=20))
    assert alerts.watch_workers(now + timedelta(minutes=20, seconds=5)) == 1
    assert alerts.watch_workers(now + timedelta(minutes=20, seconds=10)) == 0
    assert alerts.watch_workers(now + timedelta(minutes=31)) == 1
    assert list_kinds() == ["silent", "back", "silent"]
    assert asked == []  # without a webhook the page is all


def test_short_silences_are_not_told(worker: EnrolledWorker, asked: list[int]) -> None:
    watch(worker)
    now = timezone.now()
    for minute in range(0, 60, 6):
        seen(worker, now + timedelta(minutes=minute))
        alerts.watch_workers(now + timedelta(minutes=minute + 5))
    assert list_kinds() == []


def test_workers_that_were_silent_before_are_not_told(worker: EnrolledWorker, asked: list[int]) -> None:
    seen(worker, timezone.now() - timedelta(days=3))
    watch(worker)
    assert alerts.watch_workers() == 0


def test_workers_taken_back_and_alerts_switched_off_stay_quiet(
    worker: EnrolledWorker, asked: list[int]
) -> None:
    row = watch(worker)
    later = timezone.now() + timedelta(hours=1)
    EnrolledWorker.objects.update(revoked_at=timezone.now())
    assert alerts.watch_workers(later) == 0
    EnrolledWorker.objects.update(revoked_at=None)
    AlertSettings.objects.filter(id=row.id).update(is_on=False)
    assert alerts.watch_workers(later) == 0


def test_a_heartbeat_of_a_lease_is_a_sign_of_life(worker: EnrolledWorker, asked: list[int]) -> None:
    watch(worker)
    now = timezone.now()
    lease = money.lease_of(money.BOB)
    Lease.objects.filter(id=lease.id).update(
        member=worker.member, enrolled=worker, heartbeat_at=now + timedelta(minutes=30)
    )
    assert alerts.watch_workers(now + timedelta(minutes=31)) == 0
    assert alerts.watch_workers(now + timedelta(minutes=41)) == 1


class Hook(http.server.BaseHTTPRequestHandler):
    """Keeps what it is sent and answers with the status that the test wants."""

    status = 204
    taken: list[tuple[str, dict[str, str], bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.taken.append((self.path, dict(self.headers), body))
        self.send_response(self.status)
        if self.status == 302:
            self.send_header("Location", "https://169.254.169.254/")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the test looks at what was taken."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for hook.example that nobody but these tests trusts."""
    folder = tmp_path_factory.mktemp("tls")
    both = folder / "both.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=hook"
    command += " -addext subjectAltName=DNS:hook.example -addext basicConstraints=critical,CA:TRUE"
    outputs = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*command.split(), *outputs], check=True, capture_output=True)
    both.write_bytes((folder / "key.pem").read_bytes() + (folder / "cert.pem").read_bytes())
    return both


@pytest.fixture
def hook(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hook]]:
    """A webhook on this machine, to which the name hook.example leads."""
    handler = type("ThisHook", (Hook,), {"taken": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    trusting = ssl.create_default_context(cafile=str(certificate))
    port = server.server_address[1]
    connect: Callable[..., socket.socket] = socket.create_connection
    send = webhooks.send

    def go(address: tuple[str, int], **options: Any) -> socket.socket:
        assert address == ("203.0.113.7", 8443)  # what the name was looked up as, and nothing else
        return connect(("127.0.0.1", port), **options)

    monkeypatch.setattr(socket, "create_connection", go)
    monkeypatch.setattr(
        webhooks,
        "send",
        lambda *values: send(*values, resolve=lambda host, port: ["203.0.113.7"], context=trusting),
    )
    yield handler
    server.shutdown()
    server.server_close()
    thread.join(5)


def make_silent(worker: EnrolledWorker) -> Alert:
    """An alert that waits to be sent."""
    watch(worker, URL)
    seen(worker, timezone.now() - timedelta(minutes=11))
    AlertSettings.objects.update(changed_at=timezone.now() - timedelta(hours=1))
    assert alerts.watch_workers() == 1
    return Alert.objects.get()


def test_a_webhook_gets_a_signed_message_once(
    worker: EnrolledWorker, asked: list[int], hook: type[Hook]
) -> None:
    row = make_silent(worker)
    assert asked == [row.pk]
    for _ in range(2):
        tasks.deliver_alert(alert=row.pk)
    ((path, headers, body),) = hook.taken
    assert path == "/alerts?key=1"
    told = json.loads(body)
    assert (told["kind"], told["name"], told["address"]) == (AlertKind.SILENT, "tower", money.ALICE)
    secret = bytes.fromhex(AlertSettings.objects.get().secret)
    signed = headers["X-Coinai-Timestamp"].encode() + b"." + body
    expected = hmac.new(secret, signed, hashlib.sha256).hexdigest()
    assert headers["X-Coinai-Signature"] == f"sha256={expected}"
    row.refresh_from_db()
    assert (row.delivery, row.attempts) == ("delivered", 1)


@pytest.mark.parametrize("status", [500, 302])
def test_a_webhook_that_fails_is_tried_again_a_few_times(
    worker: EnrolledWorker, asked: list[int], hook: type[Hook], status: int
) -> None:
    hook.status = status
    row = make_silent(worker)
    for attempt in range(1, len(alerts.PAUSES) + 3):
        tasks.deliver_alert(alert=row.pk)
        tasks.deliver_alert(alert=row.pk)  # too early: nothing is sent
        row.refresh_from_db()
        assert row.attempts == min(attempt, len(alerts.PAUSES) + 1)
        Alert.objects.update(next_at=timezone.now())
    assert len(hook.taken) == len(alerts.PAUSES) + 1  # and no redirect was followed
    assert (row.delivery, row.problem) == ("failed", f"it answered {status}")


def test_a_name_that_leads_inside_is_given_up_at_once(
    worker: EnrolledWorker, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.7", 8443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: found)
    row = make_silent(worker)
    tasks.deliver_alert(alert=row.pk)
    row.refresh_from_db()
    assert (row.delivery, row.problem) == ("failed", "it leads to a private address")


def test_a_certificate_of_another_name_is_refused(hook: type[Hook]) -> None:
    with pytest.raises(webhooks.NotDeliveredError, match="certificate"):
        webhooks.send("https://other.example:8443/", b"{}", {})
    assert hook.taken == []


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "https://",
        "https://example.org:22/",
        "https://example.org:x/",
        "https://name:word@example.org/",
        "https://127.0.0.1/",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest",
        "https://[::1]/",
        "https://[fe80::1]/",
        "https://[::ffff:192.168.1.1]/",
        "https://[64:ff9b::a00:1]/",
        "https://[2002:a00:1::1]/",
        "https://0.0.0.0/",
        "https://100.64.0.1/",
        "https://224.0.0.1/",
        "https://exa mple.org/",
        "https://example.org/\r\nHost: x",
        "ftp://example.org/",
        "https://example.org/" + "x" * 500,
    ],
)
def test_it_refuses_addresses_that_it_must_not_call(url: str) -> None:
    with pytest.raises(BadWebhook):
        webhooks.check_webhook(url)


def test_it_takes_a_public_https_address() -> None:
    assert webhooks.check_webhook("https://example.org/hook?x=1").hostname == "example.org"
    assert webhooks.check_webhook("https://93.184.216.34:8443/").port == 8443


def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443))
        for address in ("93.184.216.34", "192.168.0.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: found)
    with pytest.raises(BadWebhook):
        webhooks.resolve_public("example.org", 443)


@pytest.mark.parametrize("numeric", ["https://2130706433/", "https://0x7f.1/", "https://127.1/"])
def test_odd_spellings_of_this_machine_lead_nowhere(numeric: str) -> None:
    parts = webhooks.check_webhook(numeric)  # a name like any other …
    with pytest.raises((BadWebhook, webhooks.NotDeliveredError)):
        webhooks.resolve_public(str(parts.hostname), 443)  # … that is looked at once it is looked up
