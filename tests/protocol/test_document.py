"""docs/protocol.md says what the code does."""

from tests.protocol.document import DOCUMENT, render


def test_its_tables_are_those_of_the_code() -> None:
    text = DOCUMENT.read_text()
    assert render(text) == text, "run: python -m tests.protocol.document"
