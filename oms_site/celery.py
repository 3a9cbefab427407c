"""The Celery application. Tasks are doorbells: they carry no work, they drain tables."""

from __future__ import annotations

import os

from celery import Celery
from celery.signals import setup_logging, worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oms_site.settings")

app = Celery("oms")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
def _follow_the_clock(**_: object) -> None:
    from oms_site.firm import sandbox_clock  # noqa: PLC0415  models exist only once Django is set up

    sandbox_clock.follow()


@setup_logging.connect
def _log_as_django_does(**_: object) -> None:
    """Django's LOGGING is in force already; connecting here keeps Celery from replacing it."""
