"""Registers the story."""

from __future__ import annotations

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    """The order tree and everything that happens to it."""

    name = "orders"

    def ready(self) -> None:
        """What drains put aside becomes a break."""
        # Models exist only once Django is set up.
        from oms_site.journal import draining  # noqa: PLC0415
        from orders import put_aside  # noqa: PLC0415

        draining.heard_by(put_aside.open_break)
