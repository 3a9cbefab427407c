"""Registers the story."""

from __future__ import annotations

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    """The order tree and everything that happens to it."""

    name = "orders"

    def ready(self) -> None:
        """Hand down what the floors below ask of this one."""
        from allocations.holdings import use_reservations  # noqa: PLC0415  models come first
        from orders.holdings import reservations  # noqa: PLC0415

        use_reservations(reservations)
