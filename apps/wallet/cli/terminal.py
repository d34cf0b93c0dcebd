"""Asking the person, or the files and variables that stand for one in a script. Nothing secret is ever an
argument: arguments are in everybody's list of processes.
"""

import getpass
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from apps.wallet.cli.errors import BadArgument, Declined, PassphraseNeeded, UnreadableFile
from protocol.errors import WeakPassphrase
from protocol.keystore import MIN_PASSPHRASE

VARIABLE = "COINAI_WALLET_PASSPHRASE"
MAX_SECRET_FILE = 4096


class Terminal(Protocol):
    """Where a person sits, or nobody."""

    @property
    def is_interactive(self) -> bool:
        """Whether somebody can be asked."""

    def say(self, text: str) -> None:
        """Show something besides the result."""

    def ask(self, prompt: str) -> str:
        """Ask for a line."""

    def ask_hidden(self, prompt: str) -> str:
        """Ask for a line that is not shown while it is typed."""


class Console:
    """The terminal that the program runs in."""

    @property
    def is_interactive(self) -> bool:
        """Whether both ends are a terminal."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def say(self, text: str) -> None:
        """Show on the error stream, so that a result can be piped."""
        sys.stderr.write(text + "\n")

    def ask(self, prompt: str) -> str:
        """Read a line; its end is a no."""
        sys.stderr.write(prompt)
        sys.stderr.flush()
        return sys.stdin.readline().strip()

    def ask_hidden(self, prompt: str) -> str:
        """Read a line without echo."""
        try:
            return getpass.getpass(prompt)
        except EOFError:
            raise Declined("The input ended.") from None


@dataclass(slots=True)
class Asker:
    """Gets passphrases, secrets and confirmations, from a person or in place of one."""

    terminal: Terminal
    passphrase_file: str | None = None

    def get_passphrase(self) -> str:
        """The passphrase of a keystore that exists. Raises: PassphraseNeeded, UnreadableFile."""
        given = self._find_passphrase()
        if given is None:
            if not self.terminal.is_interactive:
                raise PassphraseNeeded
            given = self.terminal.ask_hidden("Passphrase: ")
        return _check_text(given)

    def get_new_passphrase(self) -> str:
        """A passphrase for a new keystore, typed twice.

        Raises: PassphraseNeeded, UnreadableFile, WeakPassphrase, Declined.
        """
        given = self._find_passphrase()
        if given is None:
            if not self.terminal.is_interactive:
                raise PassphraseNeeded
            given = self.terminal.ask_hidden(f"New passphrase, at least {MIN_PASSPHRASE} characters: ")
            if given != self.terminal.ask_hidden("Once more: "):
                raise Declined("The two passphrases differ.")
        if len(given) < MIN_PASSPHRASE:
            raise WeakPassphrase(MIN_PASSPHRASE)
        return _check_text(given)

    def get_secret(self, path: str | None, prompt: str, *, is_hidden: bool) -> str:
        """A secret from a file (``-``: the input), or asked for. Raises: PassphraseNeeded, UnreadableFile."""
        if path == "-":
            return sys.stdin.read(MAX_SECRET_FILE).strip()
        if path is not None:
            return read_secret_file(path)
        if not self.terminal.is_interactive:
            raise PassphraseNeeded
        return self.terminal.ask_hidden(prompt) if is_hidden else self.terminal.ask(prompt)

    def confirm(self, question: str, *, is_given: bool) -> None:
        """Go on only with a yes; ``is_given`` is the yes of a script. Raises: Declined."""
        if is_given:
            return
        if not self.terminal.is_interactive:
            raise Declined("It takes a confirmation: --yes gives it where there is no terminal.")
        if self.terminal.ask(f"{question} [y/N] ").lower() not in ("y", "yes"):
            raise Declined("It was not confirmed.")

    def _find_passphrase(self) -> str | None:
        if self.passphrase_file is not None:
            return read_secret_file(self.passphrase_file)
        return os.environ.get(VARIABLE)


def read_secret_file(path: str) -> str:
    """The content of a small file, without the line feeds at its end. Raises: UnreadableFile."""
    try:
        with Path(path).open(encoding="utf-8") as file:
            return file.read(MAX_SECRET_FILE).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(path, _reason(error)) from error


def _check_text(text: str) -> str:
    """Bytes of a terminal or an environment that are not UTF-8 would be another passphrase elsewhere."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadArgument("the passphrase is not UTF-8") from None
    return text


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or "it cannot be read") if isinstance(error, OSError) else "it is not UTF-8"
