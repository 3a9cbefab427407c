"""Registers the throttling room."""

from __future__ import annotations

from django.apps import AppConfig


class ThrottlingConfig(AppConfig):
    """How often anybody may ask."""

    name = "oms_site.throttling"
    label = "throttling"
    verbose_name = "Rate limits"
