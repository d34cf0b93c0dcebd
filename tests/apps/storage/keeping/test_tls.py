"""Keepers behind https: the certificate must be of the name in the ledger, and of somebody trusted."""

import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from apps.common.object_folder import ObjectFolder
from apps.storage.errors import NoSource
from apps.storage.keeping.connecting import Limits
from apps.storage.keeping.fetching import Fetcher, Source
from protocol.merkle import object_id
from tests.apps.storage.keeping.sources import giving, make_handler

HOST = "keeper.test"
LARGE = bytes(range(256)) * 2**11  # so large that proofs are asked for
PATIENT = Limits(allow_private=True, connect_seconds=60, silence_seconds=60, grace_seconds=120)


def run(command: str, folder: Path) -> None:
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority (ca.pem) and a certificate of HOST by it (host.pem, host.key)."""
    folder = tmp_path_factory.mktemp("authority")
    curve = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    run(f"openssl req -x509 {curve} -days 2 -subj /CN=authority -keyout ca.key -out ca.pem", folder)
    run(f"openssl req {curve} -subj /CN={HOST} -keyout host.key -out host.csr", folder)
    (folder / "names").write_text(f"subjectAltName=DNS:{HOST}")
    signing = "-CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names"
    run(f"openssl x509 -req -in host.csr {signing} -out host.pem", folder)
    return folder


@pytest.fixture
def port(authority: Path) -> Iterator[int]:
    """A keeper's port behind TLS, whose objects are right."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), make_handler(giving(LARGE)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "host.pem", authority / "host.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # who hangs up is no error here
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def fetch(tmp_path: Path, url: str) -> tuple[Fetcher, bytes]:
    """Fetch the object, every name being this machine."""
    folder = ObjectFolder(tmp_path / "mine")
    fetcher = Fetcher(folder, PATIENT, resolver=lambda _host, _port: ["127.0.0.1"])
    fetcher.fetch(object_id(LARGE), len(LARGE), [Source(url)])
    return fetcher, folder.read(object_id(LARGE))


def test_it_fetches_over_https_under_the_name_of_the_certificate(
    port: int, authority: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.pem"))
    _, found = fetch(tmp_path, f"https://{HOST}:{port}")
    assert found == LARGE


def test_a_certificate_of_another_name_is_refused(
    port: int, authority: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.pem"))
    with pytest.raises(NoSource, match="certificate"):
        fetch(tmp_path, f"https://other.test:{port}")


def test_a_certificate_of_nobody_who_is_trusted_is_refused(port: int, tmp_path: Path) -> None:
    with pytest.raises(NoSource, match="certificate"):
        fetch(tmp_path, f"https://{HOST}:{port}")


def test_what_speaks_no_tls_is_refused(port: int, tmp_path: Path) -> None:
    with pytest.raises(NoSource):
        fetch(tmp_path, f"http://{HOST}:{port}")
