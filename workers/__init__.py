"""Workers: what trains, submits and verifies. They know ``protocol`` and a site's address; no Django, no
database.
"""

from typing import Any

VERSION = "0.1.0"


def __getattr__(name: str) -> Any:
    """``celery -A workers`` looks for ``app`` here; Celery is imported only then, not by every training
    child.
    """
    if name == "app":
        from workers.celery_app import app

        return app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
