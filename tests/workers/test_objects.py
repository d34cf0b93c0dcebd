"""The object cache: only verified bytes, downloaded once, within the quota."""

import os
from pathlib import Path

import pytest

from protocol.merkle import object_id
from tests.workers.conftest import Site
from workers.objects import ObjectCache, ObjectError

LIMIT = 10_000


def test_an_object_is_downloaded_once(site: Site, cache: ObjectCache) -> None:
    name = site.add(b"digits" * 500)
    assert cache.read(name, max_bytes=LIMIT) == b"digits" * 500
    assert cache.read(name, max_bytes=LIMIT) == b"digits" * 500
    assert len(site.requests) == 1


def test_another_process_finds_it_in_the_folder(site: Site, cache: ObjectCache) -> None:
    name = site.add(b"shared")
    cache.fetch(name, max_bytes=LIMIT)
    assert ObjectCache(cache.folder, site.url).read(name, max_bytes=LIMIT) == b"shared"
    assert len(site.requests) == 1


def test_it_refuses_other_bytes_than_the_id_names(site: Site, cache: ObjectCache) -> None:
    name = object_id(b"what was asked for")
    site.objects[name] = b"something else"
    with pytest.raises(ObjectError, match="other bytes"):
        cache.fetch(name, max_bytes=LIMIT)
    assert not [path for path in cache.folder.rglob("*") if path.is_file()]


def test_a_damaged_file_is_downloaded_again(site: Site, cache: ObjectCache) -> None:
    name = site.add(b"x" * 3000)
    cache.fetch(name, max_bytes=LIMIT).write_bytes(b"x" * 2999 + b"y")
    assert ObjectCache(cache.folder, site.url).read(name, max_bytes=LIMIT) == b"x" * 3000
    assert len(site.requests) == 2


def test_it_stops_at_the_size_that_the_caller_allows(site: Site, cache: ObjectCache) -> None:
    name = site.add(b"x" * (LIMIT + 1))
    with pytest.raises(ObjectError, match="more than 10000 bytes"):
        cache.fetch(name, max_bytes=LIMIT)


def test_a_missing_object_is_an_error_that_names_it(site: Site, cache: ObjectCache) -> None:
    with pytest.raises(ObjectError, match="404"):
        cache.fetch("ab" * 32, max_bytes=LIMIT)


def test_an_unreachable_site_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ObjectError, match="could not be read"):
        ObjectCache(tmp_path, "http://127.0.0.1:1").fetch("ab" * 32, max_bytes=LIMIT)


@pytest.mark.parametrize("name", ["", "ab" * 31, "AB" * 32, "../" * 21 + "x"])
def test_it_asks_for_nothing_that_is_no_id(name: str, site: Site, cache: ObjectCache) -> None:
    with pytest.raises(ObjectError, match="no object id"):
        cache.fetch(name, max_bytes=LIMIT)
    assert not site.requests


def test_the_least_recently_used_objects_make_room(site: Site, tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, site.url, quota=2500)
    names = [site.add(bytes([number]) * 1000) for number in range(3)]
    for age, name in enumerate(names):
        path = cache.fetch(name, max_bytes=LIMIT)
        if age < 2:
            os.utime(path, (1000 + age, 1000 + age))
    assert not (tmp_path / names[0][:2] / names[0]).exists()
    assert cache.read(names[1], max_bytes=LIMIT) == bytes([1]) * 1000
    assert len(site.requests) == 3
