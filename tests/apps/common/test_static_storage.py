"""Production's static files: every module is imported by a name that changes with what is in it."""

import re
import shutil
from pathlib import Path

import pytest
from django.conf import settings

from apps.common.static_storage import HashedStaticStorage

IMPORT = re.compile(r"""^(?:import|export)\b[^;'"]*["'](\.[^"']+)["']|\bimport\(["'](\.[^"']+)["']\)""", re.M)
HASHED = re.compile(r"\.[0-9a-f]{12}\.js$")


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts of the site, as collectstatic leaves them."""
    target = tmp_path_factory.mktemp("static")
    for folder in ("js", "vendor"):
        for path in (settings.BASE_DIR / "static" / folder).rglob("*.js"):
            copy = target / path.relative_to(settings.BASE_DIR / "static")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    (target / "package").mkdir()
    (target / "package" / "lost.js").write_text('import "./nowhere.js";\n')
    storage = HashedStaticStorage(location=target, base_url="/static/")
    names = [path.relative_to(target).as_posix() for path in target.rglob("*.js")]
    for _, _, processed in storage.post_process({name: (storage, name) for name in names}):
        if isinstance(processed, Exception):
            raise processed
    return target


def test_modules_import_each_other_by_hashed_names(collected: Path) -> None:
    modules = [path for path in (collected / "js").rglob("*.js") if HASHED.search(path.name)]
    names = {(path, found[1] or found[2]) for path in modules for found in IMPORT.finditer(path.read_text())}
    assert len(names) > 100
    assert [(path.name, name) for path, name in names if not HASHED.search(name)] == []
    assert [(path.name, name) for path, name in names if not (path.parent / name).is_file()] == []


def test_scripts_of_packages_stay_as_they_are(collected: Path) -> None:
    (hashed,) = (collected / "package").glob("lost.*.js")
    assert hashed.read_text() == 'import "./nowhere.js";\n'
