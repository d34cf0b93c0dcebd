"""Static files under hashed names, which browsers may keep for ever: modules import each other by those."""

from collections.abc import Callable
from re import Match
from typing import Any

from whitenoise.storage import CompressedManifestStaticFilesStorage

OWN_SCRIPTS = ("js/", "vendor/")


class HashedStaticStorage(CompressedManifestStaticFilesStorage):
    """WhiteNoise's storage, with the imports of JavaScript modules put to hashed names as well.

    Without that a page's module would have a hashed name and import the others by their plain ones, and two
    copies of one module would run beside each other, each with a state of its own.
    """

    support_js_module_import_aggregation = True
    max_post_process_passes = 30
    """A module's hash is known only after those of all that it imports: so deep the imports may go."""

    def url_converter(self, name: str, *others: Any, **options: Any) -> Callable[[Match[str]], str]:
        """How a reference within ``name`` is written. Scripts that installed packages bring stay as they are:
        pages do not load them, and what they import lies elsewhere.
        """
        if name.endswith(".js") and not name.startswith(OWN_SCRIPTS):
            return lambda found: found[0]
        return super().url_converter(name, *others, **options)
