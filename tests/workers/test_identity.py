"""A worker's key is made once, is its user's alone, and is refused when it is not."""

from pathlib import Path

import pytest

from workers.identity import IdentityError, load_or_create, parse_secret


def test_a_key_is_made_once_and_only_its_user_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "key"
    first, again = load_or_create(path), load_or_create(path)
    assert first.key == again.key
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["key"]
    assert first.secret.hex() not in repr(first)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    load_or_create(path)
    path.chmod(0o644)
    with pytest.raises(IdentityError, match="chmod 600"):
        load_or_create(path)


@pytest.mark.parametrize("text", ["", "zz" * 32, "ab" * 31])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(IdentityError, match="64 hex digits"):
        parse_secret(text, "The token")
