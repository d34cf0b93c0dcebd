"""Django's WSGI handler, which asgi.py serves: faster than Django's own ASGI path (docs/decisions)."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "coinai_web.settings")

application = get_wsgi_application()
