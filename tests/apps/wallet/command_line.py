"""The wallet's command with a scripted person, against the site of the test without a socket."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.test import Client

from apps.wallet.cli.site import Site
from apps.wallet.management.commands.wallet import Command

PASSPHRASE = "correct horse battery"


@dataclass
class Person:
    """Answers what it is asked; ``answer`` gets the prompt and all that was said before."""

    answer: Callable[[str, str], str] | None = None
    said: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)

    @property
    def is_interactive(self) -> bool:
        """Whether there is anybody."""
        return self.answer is not None

    def say(self, text: str) -> None:
        """Listen."""
        self.said.append(text)

    def ask(self, prompt: str) -> str:
        """Answer."""
        assert self.answer is not None
        return self.answer(prompt, "\n".join(self.said))

    def ask_hidden(self, prompt: str) -> str:
        """Answer so that nobody sees it."""
        self.hidden.append(prompt)
        return self.ask(prompt)


@dataclass(frozen=True)
class Ran:
    """What a command left."""

    status: int
    output: str
    errors: str
    person: Person

    @property
    def json(self) -> dict[str, Any]:
        """The one object on the output."""
        found: dict[str, Any] = json.loads(self.output)
        return found


@dataclass
class CommandLine:
    """Runs `manage.py wallet …`."""

    wallet: Path
    requests: list[tuple[str, str, bytes | None]] = field(default_factory=list)

    def __call__(self, *arguments: str, person: Person | None = None, wallet: Path | None = None) -> Ran:
        """Run one command with the wallet of the test."""
        person = person or Person()
        output, errors = io.StringIO(), io.StringIO()
        command = Command(stdout=output, stderr=errors, no_color=True)
        command.get_terminal = lambda: person  # type: ignore[method-assign]
        command.get_site = lambda url: Site(url, self._transport)  # type: ignore[method-assign]
        parser = command.create_parser("manage.py", "wallet")
        where = ("--wallet", str(wallet or self.wallet))
        options = vars(parser.parse_args([arguments[0], *where, *arguments[1:]]))
        status = 0
        try:
            command.handle(**options)
        except SystemExit as end:
            status = int(end.code or 0)
        return Ran(status, output.getvalue(), errors.getvalue(), person)

    def run_json(self, *arguments: str, person: Person | None = None) -> dict[str, Any]:
        """Run one command that must succeed, and read its answer."""
        ran = self(*arguments, "--json", person=person)
        assert ran.status == 0, ran.output + ran.errors
        return ran.json

    def _transport(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        self.requests.append((method, path, body))
        response = Client().generic(method, path, body or b"", content_type="application/json")
        return response.status_code, response.content
