"""wallet.json is current."""

from tests.vectors.make import dump, load
from tests.vectors.make_wallet import make_wallet


def test_the_file_is_what_the_code_makes() -> None:
    assert dump(load("wallet")) == dump(make_wallet()), "run: python -m tests.vectors.make_wallet"
