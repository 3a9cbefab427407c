"""What every page's shell shows: the environment, the clock, the person."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from oms_site.kit import clock


def shell(request: HttpRequest) -> dict[str, Any]:
    """Template variables of the common shell."""
    return {
        "oms_env": settings.OMS_ENV,
        "sandbox": settings.SANDBOX,
        "server_now": clock.now(),
        "clock_shift_seconds": clock.offset().total_seconds(),
    }


def environment_badge(request: HttpRequest) -> list[str]:
    """The admin's environment badge: text and color."""
    return [settings.OMS_ENV.upper(), "warning" if settings.SANDBOX else "danger"]
