"""A dry run trains typical networks for real and tells how they learn."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import datasets
from protocol.grammar import parse_grammar, shipped_grammar
from protocol.params import TESTING
from protocol.problem import Problem
from tests.workers.conftest import Contents, Site
from workers import dry_run
from workers.celery_app import app
from workers.dry_run import Report, Request, SiteListener
from workers.objects import ObjectCache
from workers.tasks import run_dry
from workers.training_process import TrainingProcess


class Listening:
    """Keeps what is reported; may lose interest."""

    def __init__(self, interest: int = 10**6) -> None:
        self.reports: list[tuple[int, str, int | None, int]] = []
        self.interest = interest

    def report(self, report: Report) -> bool:
        self.reports.append((report.number, report.state, report.error, len(report.curve)))
        return len(self.reports) <= self.interest


@pytest.fixture(scope="module")
def trainer() -> Iterator[TrainingProcess]:
    process = TrainingProcess()
    yield process
    process.stop()


def make_request(contents: Contents, seconds: float) -> Request:
    return Request(
        upload="an upload",
        token="secret",
        manifest=datasets.load_problem("digits").decode(),
        grammar=contents.grammar,
        network="testing",
        parameters=TESTING.to_json(),
        networks=2,
        seconds=seconds,
    )


def test_it_trains_and_reports(
    site: Site, contents: Contents, trainer: TrainingProcess, tmp_path: Path
) -> None:
    listening = Listening()
    objects = ObjectCache(tmp_path, site.url)
    dry_run.run(make_request(contents, 1.0), objects, trainer, listening, lambda: False)
    last = {number: (state, error, points) for number, state, error, points in listening.reports}
    assert sorted(last) == [0, 1]
    for state, error, points in last.values():
        assert state == "finished"
        assert error is not None
        assert 0 < error < 950_000  # ten classes: it has learnt something
        assert points > 0


def test_it_stops_when_nobody_wants_to_know(
    site: Site,
    contents: Contents,
    trainer: TrainingProcess,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dry_run, "REPORT_SECONDS", 0.0)
    listening = Listening(interest=1)
    dry_run.run(
        make_request(contents, 60.0), ObjectCache(tmp_path, site.url), trainer, listening, lambda: False
    )
    assert listening.reports[-1][1] == "cancelled"
    assert {number for number, *_ in listening.reports} == {0}


def test_the_same_proposal_shows_the_same_networks(problem: Problem) -> None:
    grammar = parse_grammar(shipped_grammar("default"))
    chosen = dry_run.choose(TESTING, grammar, problem, 3)
    assert len(chosen) == 3
    assert chosen == dry_run.choose(TESTING, grammar, problem, 3)


def test_a_listener_sends_the_report_with_its_token() -> None:
    seen: list[tuple[str, str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((self.path, self.headers["Authorization"], body))
            self.send_response(404 if len(seen) > 1 else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        listener = SiteListener(f"http://127.0.0.1:{server.server_port}", "UPLOAD", "secret")
        report = Report(1, "flatten", [], 10, 20)
        assert listener.report(report)
        assert not listener.report(report)  # the upload is gone
        server.shutdown()
    assert seen[0][:2] == ("/api/v1/uploads/UPLOAD/trials/1", "Bearer secret")
    assert b'"text": "flatten"' in seen[0][2]


def test_it_has_a_queue_of_its_own() -> None:
    assert app.conf.task_routes["workers.dry_run"] == {"queue": "trials"}
    assert run_dry.name == "workers.dry_run"
    assert run_dry.ignore_result
