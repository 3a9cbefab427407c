"""Inquiries and what dealers answered: kept for ever, as evidence of best execution."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django_fsm import transition

from oms_site.journal.fields import StateField
from oms_site.journal.rows import LedgerRow
from orders.models.execution_order import ExecutionOrder
from orders.models.order import Order
from orders.models.venue_order import VenueOrder
from orders.states import QUOTE_STEPS, RFQ_OPEN, RFQ_STEPS, QuoteState, RfqStatus
from venues.models import Dealer, Venue


def _rfq(name: str) -> dict[str, Any]:
    sources, target = RFQ_STEPS[f"rfq_{name}"]
    return {"source": list(sources), "target": target}


def _quote(name: str) -> dict[str, Any]:
    sources, target = QUOTE_STEPS[f"quote_{name}"]
    return {"source": list(sources), "target": target}


class Rfq(LedgerRow):
    """A request for quotes under an order; its id is QuoteReqID(131) on the wire.

    With an execution order it is worked automatically by the criteria; without, a person hits.
    """

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="rfqs")
    execution_order = models.OneToOneField(
        ExecutionOrder, null=True, blank=True, on_delete=models.PROTECT, related_name="rfq"
    )
    venue = models.ForeignKey(Venue, on_delete=models.PROTECT, related_name="+", db_index=False)
    client_rfq_id = models.CharField(max_length=80, null=True, blank=True)
    fingerprint = models.CharField(max_length=64, blank=True)
    list_id = models.CharField(max_length=40, blank=True)
    qty = models.DecimalField(max_digits=20, decimal_places=6)
    dealers = ArrayField(models.CharField(max_length=20))
    bidding = models.CharField(max_length=4)
    due_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    criteria = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    status = StateField(default=RfqStatus.SENT.value, max_length=12)
    wake_at = models.DateTimeField(null=True, blank=True)
    hits = models.PositiveSmallIntegerField(default=0)
    closed_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)

    MUTABLE: ClassVar[tuple[str, ...]] = ("status", "wake_at", "hits", "closed_at", "reason")

    class Meta:
        verbose_name = "request for quotes"
        verbose_name_plural = "requests for quotes"
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "client_rfq_id"],
                name="client_rfq_id_for_ever",
                condition=~Q(client_rfq_id=None),
            ),
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in RfqStatus]), name="rfq_status_known"
            ),
            models.CheckConstraint(
                condition=Q(qty__gt=0) & Q(expires_at__gt=models.F("created_at")),
                name="rfq_terms",
            ),
        ]
        indexes = [
            models.Index(
                fields=["wake_at"],
                name="rfq_open",
                condition=Q(status__in=sorted(s.value for s in RFQ_OPEN)),
            )
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def is_open(self) -> bool:
        """Whether dealers may still answer or be hit."""
        return self.status in RFQ_OPEN

    @transition(field=status, **_rfq("open"))
    def open(self) -> None:
        """The venue or a dealer has answered."""

    @transition(field=status, **_rfq("hit"))
    def hit(self) -> None:
        """A quote was hit; its dealer decides, and nothing else of the inquiry moves."""
        self.hits += 1
        self.wake_at = None

    @transition(field=status, **_rfq("resume"))
    def resume(self, *, at: datetime) -> None:
        """The dealer refused the hit: the other quotes are good again until they expire."""
        self.wake_at = at

    @transition(field=status, **_rfq("fill"))
    def fill(self, *, at: datetime) -> None:
        """The dealer's execution report came."""
        self._close(at, "")

    @transition(field=status, **_rfq("expire"))
    def expire(self, *, at: datetime, reason: str) -> None:
        """Its time is over."""
        self._close(at, reason)

    @transition(field=status, **_rfq("cancel"))
    def cancel(self, *, at: datetime, reason: str) -> None:
        """We want no quotes any more."""
        self._close(at, reason)

    @transition(field=status, **_rfq("reject"))
    def reject(self, *, at: datetime, reason: str) -> None:
        """The venue refused the inquiry."""
        self._close(at, reason)

    @transition(field=status, **_rfq("dry"))
    def dry(self, *, at: datetime, reason: str) -> None:
        """Every dealer that was asked has passed."""
        self._close(at, reason)

    def _close(self, at: datetime, reason: str) -> None:
        self.closed_at, self.wake_at, self.reason = at, None, reason[:300]


class Quote(LedgerRow):
    """One dealer's answer: a price, or a pass. Its terms never change; a new price is a new row."""

    rfq = models.ForeignKey(Rfq, on_delete=models.PROTECT, related_name="quotes", db_index=False)
    dealer = models.ForeignKey(Dealer, on_delete=models.PROTECT, related_name="+", db_index=False)
    quote_ref = models.CharField(max_length=60, blank=True)
    round = models.PositiveSmallIntegerField(default=1)
    price = models.DecimalField(max_digits=18, decimal_places=8, null=True, blank=True)
    qty = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    valid_until = models.DateTimeField(null=True, blank=True)
    quoted_at = models.DateTimeField()
    received_at = models.DateTimeField()
    # `price` is the street's; what it is to the introducing broker and to the user, with the
    # markups of the fees as they were when it came. Empty where there is no markup.
    ib_price = models.DecimalField(max_digits=18, decimal_places=8, null=True, blank=True)
    user_price = models.DecimalField(max_digits=18, decimal_places=8, null=True, blank=True)

    status = StateField(default=QuoteState.ACTIVE.value, max_length=10)
    venue_order = models.ForeignKey(
        VenueOrder, null=True, blank=True, on_delete=models.PROTECT, related_name="quotes"
    )
    counter_price = models.DecimalField(max_digits=18, decimal_places=8, null=True, blank=True)
    rank = models.PositiveSmallIntegerField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)

    MUTABLE: ClassVar[tuple[str, ...]] = (
        "status",
        "venue_order_id",
        "counter_price",
        "rank",
        "closed_at",
        "reason",
    )

    class Meta:
        constraints = [
            # However many hit at once, one quote of an inquiry can be taken.
            models.UniqueConstraint(
                fields=["rfq"],
                name="one_winner_per_rfq",
                condition=Q(status__in=[QuoteState.HIT.value, QuoteState.DONE.value]),
            ),
            models.UniqueConstraint(
                fields=["rfq", "quote_ref"], name="quote_once", condition=~Q(quote_ref="")
            ),
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in QuoteState]), name="quote_status_known"
            ),
            models.CheckConstraint(
                condition=Q(status=QuoteState.PASSED.value)
                | (Q(price__gt=0) & Q(qty__gt=0) & Q(valid_until__isnull=False)),
                name="quote_has_a_price",
            ),
        ]
        indexes = [models.Index(fields=["rfq", "id"], name="quotes_of_rfq")]

    def __str__(self) -> str:
        return self.id

    @property
    def seen_price(self) -> Decimal | None:
        """What it is to the end client: every limit and every screen means this price."""
        return self.price if self.user_price is None else self.user_price

    @transition(field=status, **_quote("hit"))
    def hit(self, *, venue_order_id: str, rank: int) -> None:
        """Taken by us; the dealer has the last word."""
        self.venue_order_id, self.rank = venue_order_id, rank

    @transition(field=status, **_quote("fill"))
    def fill(self, *, at: datetime) -> None:
        """The dealer traded."""
        self.closed_at = at

    @transition(field=status, **_quote("refuse"))
    def refuse(self, *, at: datetime, reason: str) -> None:
        """The dealer's last look said no."""
        self._close(at, reason)

    @transition(field=status, **_quote("counter"))
    def counter(self, *, price: Decimal) -> None:
        """We asked for a better price; this one cannot be hit any more."""
        self.counter_price = price

    @transition(field=status, **_quote("replace"))
    def replace(self, *, at: datetime) -> None:
        """The dealer has made another price."""
        self._close(at, "")

    @transition(field=status, **_quote("withdraw"))
    def withdraw(self, *, at: datetime, reason: str) -> None:
        """The dealer took it back."""
        self._close(at, reason)

    @transition(field=status, **_quote("expire"))
    def expire(self, *, at: datetime) -> None:
        """ValidUntilTime(62) has passed."""
        self._close(at, "")

    @transition(field=status, **_quote("cancel"))
    def cancel(self, *, at: datetime) -> None:
        """The inquiry is over without a trade."""
        self._close(at, "")

    @transition(field=status, **_quote("cover"))
    def cover(self, *, at: datetime, rank: int) -> None:
        """The best of those that did not trade."""
        self._lose(at, rank)

    @transition(field=status, **_quote("tie"))
    def tie(self, *, at: datetime, rank: int) -> None:
        """The winner's price, and not chosen."""
        self._lose(at, rank)

    @transition(field=status, **_quote("lose"))
    def lose(self, *, at: datetime, rank: int) -> None:
        """Done away, behind the cover."""
        self._lose(at, rank)

    def _lose(self, at: datetime, rank: int) -> None:
        self.closed_at, self.rank = at, rank

    def _close(self, at: datetime, reason: str) -> None:
        self.closed_at, self.reason = at, reason[:300]
