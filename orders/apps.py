"""Registers the story."""

from __future__ import annotations

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    """The order tree and everything that happens to it."""

    name = "orders"
