"""Registers the firm."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class FirmConfig(AppConfig):
    """Who everything belongs to."""

    name = "oms_site.firm"
    label = "firm"
    verbose_name = "Firm"

    def ready(self) -> None:
        # The back office lies above the firm, so its pages are named by string.
        import_module("oms_site.admin.firm_pages")
