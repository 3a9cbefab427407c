"""Registers the market side."""

from __future__ import annotations

from django.apps import AppConfig


class VenuesConfig(AppConfig):
    """What can be traded, when, and over which wire."""

    name = "venues"
