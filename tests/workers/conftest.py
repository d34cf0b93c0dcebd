"""What the tests of the workers share: the digits, small networks on them, and a site made of one folder."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

import datasets
from protocol.architecture import Architecture, parse_architecture
from protocol.data_set import DataSetView, check_data_set
from protocol.grammar import shipped_grammar
from protocol.merkle import object_id
from protocol.model_file import wiring_mask
from protocol.params import TESTING
from protocol.problem import Problem, parse_problem
from workers.data_set import DataSet, read_data_set
from workers.device import choose_device
from workers.network import Network
from workers.objects import ObjectCache
from workers.trainer import make_resident
from workers.training import Examples

choose_device()  # one thread, as in production

SEED = bytes(range(64))
TEXT = "conv 8 3 relu pool max flatten fc 24 relu"


@pytest.fixture(scope="session")
def digits_bytes() -> bytes:
    return datasets.load_data("digits")


@pytest.fixture(scope="session")
def problem() -> Problem:
    return parse_problem(datasets.load_problem("digits"), TESTING)


@pytest.fixture(scope="session")
def digits(digits_bytes: bytes) -> DataSet:
    return read_data_set(digits_bytes)


@pytest.fixture(scope="session")
def digits_view(digits_bytes: bytes, problem: Problem) -> DataSetView:
    return check_data_set(digits_bytes, problem, TESTING)


@pytest.fixture(scope="session")
def examples(digits: DataSet) -> Examples:
    return make_resident(digits, torch.device("cpu"))


def make_network(text: str = TEXT, seed: bytes = SEED) -> tuple[Architecture, Network]:
    """An untrained, wired network on the digits."""
    architecture = parse_architecture(text, (1, 8, 8), 10)
    masks = [torch.from_numpy(wiring_mask(seed, spec)) for spec in architecture.tensors]
    return architecture, Network(architecture, masks, 1)


@dataclass
class Site:
    """A site that serves objects from memory; tests may spoil what it answers."""

    url: str
    objects: dict[str, bytes]
    requests: list[str]

    def add(self, data: bytes) -> str:
        self.objects[object_id(data)] = data
        return object_id(data)


@pytest.fixture
def site() -> Iterator[Site]:
    objects: dict[str, bytes] = {}
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(self.path)
            data = objects.get(self.path.removeprefix("/api/v1/objects/"))
            self.send_response(404 if data is None else 200)
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield Site(f"http://127.0.0.1:{server.server_port}", objects, requests)
    server.shutdown()
    server.server_close()


@dataclass(frozen=True)
class Contents:
    """Object ids of what the testing network works on, served by the site."""

    problem: str
    grammar: str
    data: str


@pytest.fixture
def contents(site: Site, digits_bytes: bytes) -> Contents:
    problem_id = site.add(datasets.load_problem("digits"))
    return Contents(problem_id, site.add(shipped_grammar("default")), site.add(digits_bytes))


@pytest.fixture
def cache(site: Site, tmp_path: Path) -> ObjectCache:
    return ObjectCache(tmp_path / "cache", site.url)


@pytest.fixture
def never() -> Callable[[], bool]:
    return lambda: False
