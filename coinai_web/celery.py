"""The site's Celery application: sends mining leases and scores by name, runs the site's own tasks. No
torch here.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "coinai_web.settings")

app = Celery("coinai_web")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.set_default()  # so that apps find it as celery.current_app in every thread
app.autodiscover_tasks()
