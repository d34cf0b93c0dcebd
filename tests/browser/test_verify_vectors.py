"""The check that the block page runs in a browser agrees with every vector: a further implementation, in
JavaScript, written from the text of the protocol.
"""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from datasets import load_genesis_problem
from tests.browser.module_page import open_module_page

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {
    "static": ROOT / "static",
    "vectors": ROOT / "tests" / "vectors",
    "browser": ROOT / "tests" / "browser",
}
TYPES = {".js": "text/javascript", ".json": "application/json"}
POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; worker-src 'self'"
# The least number of comparisons in each file, so that a file that is not read cannot pass.
FILES = {
    "encoding": 40,
    "transactions": 60,
    "merkle": 100,
    "seed": 3,
    "quality": 100,
    "threshold": 50,
    "commitment": 3,
    "derivation": 400,
    "wiring": 8,
    "model_file": 20,
    "logits": 20,
    "metrics": 10,
    "chain": 70,
    "governance": 100,
    "storage": 400,
}


class Handler(BaseHTTPRequestHandler):
    """Files of the repository, and one empty page, under the content policy of the site."""

    def do_GET(self) -> None:
        """Answer with a file."""
        kind, body = self._find()
        self.send_response(200 if kind else 404)
        self.send_header("Content-Type", kind or "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", POLICY)
        self.end_headers()
        self.wfile.write(body)

    def _find(self) -> tuple[str, bytes]:
        if self.path == "/":
            return "text/html", b"<!doctype html><title>vectors</title>"
        if self.path == "/digits":
            return "application/octet-stream", load_genesis_problem("testing")[1]
        folder, _, name = self.path.lstrip("/").partition("/")
        root = FOLDERS.get(folder)
        path = (root / name).resolve() if root else ROOT
        if root is None or not path.is_relative_to(root) or not path.is_file():
            return "", b""
        return TYPES.get(path.suffix, ""), path.read_bytes()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """An empty page that may load the modules."""
    with open_module_page(browser, Handler) as page:
        yield page


@pytest.mark.parametrize("name", FILES)
def test_it_agrees_with_the_vectors(page: Page, name: str) -> None:
    found = page.evaluate("async (name) => (await import('/browser/verify_vectors.js')).check(name)", name)
    assert found["odd"] == []
    assert found["count"] >= FILES[name]


def test_all_files_that_can_be_checked_are_listed(page: Page) -> None:
    names = page.evaluate("async () => (await import('/browser/verify_vectors.js')).names")
    files = {path.stem for path in FOLDERS["vectors"].glob("*.json") if not path.stem.startswith("wallet")}
    assert set(names) == set(FILES) == files


def test_it_refuses_what_the_text_refuses_and_no_vector_holds(page: Page) -> None:
    accepted = page.evaluate("async () => (await import('/browser/verify_vectors.js')).findAccepted()")
    assert accepted == []


def test_sums_at_the_edge_of_32_bits_are_exact(page: Page) -> None:
    found, expected = page.evaluate(
        "async () => (await import('/browser/verify_vectors.js')).addUpToTheEdge()"
    )
    assert found == expected
