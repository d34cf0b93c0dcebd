"""The Django project: settings, addresses, the two server interfaces and the Celery application."""

from coinai_web.celery import app as celery_app

__all__ = ["celery_app"]
