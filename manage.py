#!/usr/bin/env python
"""Django's command line: `manage.py help` lists the commands of every app."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main() -> None:
    """Run one management command; a wrong set-up ends it with one line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "coinai_web.settings")
    if sys.argv[1:2] == ["wallet"]:
        # It talks to a site over HTTP and so works where there are no servers; none is ever connected to.
        os.environ.setdefault("DATABASE_URL", "postgresql:///none")
        os.environ.setdefault("BROKER_URL", "redis://127.0.0.1/0")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"manage.py: {error}")


if __name__ == "__main__":
    main()
