"""Where ``celery -A workers`` looks for the application."""

from workers.celery_app import app

__all__ = ["app"]
