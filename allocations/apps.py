"""Registers the client side."""

from __future__ import annotations

from django.apps import AppConfig


class AllocationsConfig(AppConfig):
    """For whom we trade, and what became of it."""

    name = "allocations"
