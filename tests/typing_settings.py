"""The settings of the site for mypy's Django plugin, which needs them loaded but no server running."""

import os

os.environ.setdefault("DATABASE_URL", "postgresql:///coinai")
os.environ.setdefault("BROKER_URL", "redis://127.0.0.1")

from coinai_web.settings import *  # noqa: F403 - the plugin reads them from this module
