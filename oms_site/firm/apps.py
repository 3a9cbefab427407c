"""Registers the firm."""

from __future__ import annotations

from django.apps import AppConfig


class FirmConfig(AppConfig):
    """Who everything belongs to."""

    name = "oms_site.firm"
    label = "firm"
    verbose_name = "Firm"
