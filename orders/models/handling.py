"""How an order wants to be handled beyond type and price, as columns of the order.

Mixed into `Order`. What was asked are terms and never changes; the level that a trailing stop has
reached and what a group of orders has released are moved by their own rooms only.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.db import models
from django.db.models import F, Q

from orders import order_types, sides

WITH_LIMIT = sorted(order_types.WITH_LIMIT)
WITHOUT_LIMIT = sorted(set(order_types.KNOWN) - order_types.WITH_LIMIT)
WITH_TRIGGER = sorted(order_types.WITH_TRIGGER)
TRAILING = sorted(order_types.TRAILING)

CONSTRAINTS = (
    models.CheckConstraint(
        condition=(Q(ord_type__in=WITH_LIMIT) & Q(limit_price__gt=0))
        | (Q(ord_type__in=WITHOUT_LIMIT) & Q(limit_price=None)),
        name="order_price_by_type",
    ),
    models.CheckConstraint(
        condition=(Q(ord_type__in=WITH_TRIGGER) & Q(stop_price__gt=0))
        | (~Q(ord_type__in=WITH_TRIGGER) & Q(stop_price=None)),
        name="order_trigger_by_type",
    ),
    models.CheckConstraint(
        condition=(
            Q(ord_type__in=TRAILING)
            & (
                (Q(trail_amount__isnull=False) & Q(trail_amount__gt=0) & Q(trail_percent=None))
                | (
                    Q(trail_percent__isnull=False)
                    & Q(trail_percent__gt=0)
                    & Q(trail_percent__lt=100)
                    & Q(trail_amount=None)
                )
            )
        )
        | (
            ~Q(ord_type__in=TRAILING)
            & Q(trail_amount=None, trail_percent=None, water_mark=None, trigger_price=None)
        ),
        name="order_trail_by_type",
    ),
    models.CheckConstraint(
        condition=Q(water_mark=None, trigger_price=None)
        | Q(water_mark__isnull=False, trigger_price__isnull=False),
        name="order_mark_with_level",
    ),
    models.CheckConstraint(
        condition=(Q(display_qty=None) | Q(display_qty__gt=0))
        & (Q(min_qty=None) | Q(min_qty__gt=0)),
        name="order_shown_and_least",
    ),
    models.CheckConstraint(
        condition=Q(released_qty=None)
        | (
            Q(order_list__isnull=False)
            & Q(released_qty__gte=0)
            & Q(released_qty__lte=F("order_qty"))
        ),
        name="order_released_of_a_list",
    ),
    models.CheckConstraint(
        condition=Q(short_sale=None, locate_id=None, locate_broker=None)
        | Q(side="sell", short_sale=None)
        | (
            Q(side="sell", amount_type="shares", short_sale__in=["short", "exempt"])
            & (
                Q(locate_id__isnull=False, locate_id__gt="")
                | Q(locate_broker__isnull=False, locate_broker__gt="")
            )
        ),
        name="order_short_sale_located",
    ),
    models.UniqueConstraint(
        fields=["flatten_line"],
        name="one_order_for_a_flatten_line",
        condition=~Q(flatten_line=None),
    ),
)
INDEXES = (
    models.Index(
        fields=["instrument"],
        name="order_trails",
        condition=Q(ord_type__in=TRAILING)
        & Q(triggered_at=None)
        & Q(status__in=["partially_filled", "pending_execution"]),
    ),
    models.Index(fields=["order_list"], name="order_of_list", condition=~Q(order_list=None)),
    models.Index(
        fields=["organization", "created_at", "id"],
        name="order_for_nobody",
        condition=Q(account=None, allocation=None),
    ),
)
MUTABLE = ("water_mark", "trigger_price", "released_qty", "armed_at")


class Handling(models.Model):
    """The columns. Quantities and prices have the order's own units."""

    trail_amount = models.DecimalField(max_digits=18, decimal_places=8, null=True, blank=True)
    trail_percent = models.DecimalField(max_digits=9, decimal_places=6, null=True, blank=True)
    display_qty = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    min_qty = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    post_only = models.BooleanField(default=False)
    reduce_only = models.BooleanField(default=False)
    order_list = models.ForeignKey(
        "orders.OrderList",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="orders",
        db_index=False,
    )
    # The best price seen since it trails, and the level that follows from it: never loosened.
    water_mark = models.DecimalField(max_digits=18, decimal_places=8, null=True, blank=True)
    trigger_price = models.DecimalField(max_digits=18, decimal_places=8, null=True, blank=True)
    # How much of it its group lets go to market altogether; None is all of it.
    released_qty = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    # Since when its group lets it watch the market for its stop price.
    armed_at = models.DateTimeField(null=True, blank=True)

    # A sale that is marked short or short exempt, and where its shares have been found.
    short_sale = models.CharField(max_length=6, null=True, blank=True)
    locate_id = models.CharField(max_length=80, null=True, blank=True)
    locate_broker = models.CharField(max_length=40, null=True, blank=True)

    # What two people agreed to close out by it, under a halt: controls but a few let it pass.
    flatten_line = models.ForeignKey(
        "orders.FlattenLine",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
    )

    # Declared by the order itself.
    side: str
    ord_type: str
    stop_price: Decimal | None
    triggered_at: datetime | None
    leaves_qty: Decimal
    cum_qty: Decimal
    route_at: datetime | None

    class Meta:
        abstract = True

    @property
    def named_side(self) -> str:
        """The side as callers name it: a marked sale by its mark."""
        return sides.named(self.side, self.short_sale)

    @property
    def trails(self) -> bool:
        """Whether its stop follows the market."""
        return self.ord_type in order_types.TRAILING

    @property
    def awaits_trigger(self) -> bool:
        """Whether the market has not yet come to its stop price."""
        waits = self.stop_price is not None or self.trails
        return waits and self.triggered_at is None

    @property
    def is_held(self) -> bool:
        """Whether its group lets nothing more of it go to market."""
        return self.released_qty is not None and self.released_qty <= self.cum_qty

    @property
    def open_to_market(self) -> Decimal:
        """What may be at work: what is left, as far as its group has released it."""
        if self.released_qty is None:
            return self.leaves_qty
        return max(min(self.leaves_qty, self.released_qty - self.cum_qty), Decimal(0))

    def trail(self, *, water_mark: Decimal, trigger_price: Decimal) -> None:
        """The market has moved its way: the level follows."""
        self.water_mark, self.trigger_price = water_mark, trigger_price

    def let_go(self, *, qty: Decimal, armed_at: datetime | None, route_at: datetime | None) -> None:
        """Its group lets so much of it go to market altogether, what is filled included."""
        self.released_qty, self.armed_at, self.route_at = qty, armed_at, route_at
