"""The Django project: settings, addresses, the two server interfaces and the Celery application."""

import os

# One thread for NumPy's products: they are small here, and its threads wait for each other by spinning, which
# costs 10 to 40 times the time of one as soon as other processes want the cores (docs/decisions/0036).
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from coinai_web.celery import app as celery_app

__all__ = ["celery_app"]
