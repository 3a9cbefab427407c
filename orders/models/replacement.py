"""A request to change an order's terms, its legs at the venues, and every revision of the terms."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django_fsm import transition

from controls.models import Screening
from oms_site.firm.models import person
from oms_site.journal.fields import StateField
from oms_site.journal.rows import LedgerFact, LedgerRow
from orders.models.order import Order
from orders.models.venue_order import VenueOrder
from orders.states import REPLACE_LEG_STEPS, REPLACEMENT_STEPS, ReplaceStatus


def _step(name: str) -> dict[str, Any]:
    sources, target = {**REPLACEMENT_STEPS, **REPLACE_LEG_STEPS}[name]
    return {"source": list(sources), "target": target}


def _known(name: str) -> models.CheckConstraint:
    return models.CheckConstraint(
        condition=Q(status__in=[s.value for s in ReplaceStatus]), name=name
    )


def _qty() -> models.DecimalField[Any, Any]:
    return models.DecimalField(max_digits=20, decimal_places=6)


def _price() -> models.DecimalField[Any, Any]:
    return models.DecimalField(max_digits=18, decimal_places=8, null=True, blank=True)


class OrderTerms(LedgerFact):
    """The terms of one revision of an order, from when they were in force; never changed.

    An order that was never amended has none: its columns are revision 1. The database refuses
    other terms on an order than those of the revision it is at.
    """

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="terms", db_index=False)
    revision = models.PositiveSmallIntegerField()
    order_qty = _qty()
    limit_price = _price()
    stop_price = _price()
    basis = models.JSONField(default=list)
    since = models.DateTimeField()

    class Meta:
        verbose_name_plural = "order terms"
        constraints = [
            models.UniqueConstraint(fields=["order", "revision"], name="order_revision_once"),
        ]

    def __str__(self) -> str:
        return f"{self.order_id} r{self.revision}"


class Replacement(LedgerRow):
    """What somebody asked an order to become, and what became of that.

    `revision` is the number that the terms have if they come into force; it is never given to other
    terms, so what was screened or approved as one revision lets no other pass.
    """

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="replacements")
    revision = models.PositiveSmallIntegerField()
    client_amend_id = models.CharField(max_length=80, null=True, blank=True)
    fingerprint = models.CharField(max_length=64)
    requested_by = person(constraint=False)
    order_qty = _qty()
    limit_price = _price()
    stop_price = _price()
    was_qty = _qty()
    was_limit_price = _price()
    was_stop_price = _price()
    was_cum_qty = _qty()
    shares = models.JSONField(default=list)
    annotation = models.TextField(blank=True)
    created_at = models.DateTimeField()

    status = StateField(default=ReplaceStatus.PENDING.value, max_length=8)
    screening = models.ForeignKey(
        Screening, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    now_qty = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    now_limit_price = _price()
    closed_at = models.DateTimeField(null=True, blank=True)
    code = models.CharField(max_length=60, blank=True)
    reason = models.CharField(max_length=300, blank=True)

    MUTABLE: ClassVar[tuple[str, ...]] = (
        "status",
        "screening_id",
        "now_qty",
        "now_limit_price",
        "closed_at",
        "code",
        "reason",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "client_amend_id"],
                name="client_amend_id_for_ever",
                condition=~Q(client_amend_id=None),
            ),
            models.UniqueConstraint(fields=["order", "revision"], name="revision_asked_once"),
            models.UniqueConstraint(
                fields=["order"],
                name="one_replacement_at_a_time",
                condition=Q(status__in=["pending", "review"]),
            ),
            models.CheckConstraint(condition=Q(order_qty__gt=0), name="replacement_qty_positive"),
            _known("replacement_status_known"),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def is_open(self) -> bool:
        """Whether nobody has answered it yet."""
        return self.status in (ReplaceStatus.PENDING, ReplaceStatus.REVIEW)

    @transition(field=status, **_step("replacement_flag"))
    def flag(self) -> None:
        """Controls flagged the new terms: they wait for a second person."""

    @transition(field=status, **_step("replacement_release"))
    def release(self) -> None:
        """A second person released the new terms."""

    @transition(field=status, **_step("replacement_accept"))
    def accept(self, *, qty: Decimal, limit_price: Decimal | None, at: datetime) -> None:
        """New terms are in force; the venue's word, so not always those that were asked for."""
        self.now_qty, self.now_limit_price = qty, limit_price
        self.closed_at, self.code, self.reason = at, "", ""

    @transition(field=status, **_step("replacement_reject"))
    def reject(self, *, code: str, reason: str, at: datetime) -> None:
        """It changed nothing: the order goes on as it was."""
        self.code, self.reason, self.closed_at = code[:60], reason[:300], at


class ReplaceLeg(LedgerRow):
    """The part of a replacement that one venue has to answer; its id is ClOrdID(11) on the wire.

    Where the venue cannot replace, it is emulated: canceled under this id, and what is left is sent
    as the venue order `successor_id` once the venue has said how much that is.
    """

    replacement = models.ForeignKey(
        Replacement, on_delete=models.PROTECT, related_name="legs", db_index=False
    )
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="+", db_index=False)
    venue_order = models.ForeignKey(
        VenueOrder, on_delete=models.PROTECT, related_name="replace_legs"
    )
    orig_cl_ord_id = models.CharField(max_length=40)
    emulated = models.BooleanField(default=False)
    qty = models.DecimalField(max_digits=20, decimal_places=6)
    limit_price = _price()
    was_qty = _qty()
    was_limit_price = _price()
    created_at = models.DateTimeField()

    status = StateField(default=ReplaceStatus.PENDING.value, max_length=8)
    successor_id = models.CharField(max_length=40, blank=True)
    now_qty = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    code = models.CharField(max_length=60, blank=True)
    text = models.CharField(max_length=200, blank=True)

    MUTABLE: ClassVar[tuple[str, ...]] = (
        "status",
        "successor_id",
        "now_qty",
        "answered_at",
        "code",
        "text",
    )

    class Meta:
        indexes = [models.Index(fields=["replacement"], name="legs_of_replacement")]
        constraints = [_known("replace_leg_status_known")]

    def __str__(self) -> str:
        return self.id

    @property
    def is_open(self) -> bool:
        """Whether the venue has not answered it yet."""
        return str(self.status) == ReplaceStatus.PENDING.value

    @transition(field=status, **_step("replaceleg_accept"))
    def accept(self, *, qty: Decimal, at: datetime, text: str = "", successor_id: str = "") -> None:
        """The venue works on the new terms, or has given back what will be sent on them."""
        self.now_qty, self.answered_at, self.text = qty, at, text[:200]
        self.successor_id, self.code = successor_id, ""

    @transition(field=status, **_step("replaceleg_reject"))
    def reject(self, *, code: str, at: datetime, text: str = "") -> None:
        """The venue goes on as before, or has ended it."""
        self.code, self.answered_at, self.text = code[:60], at, text[:200]
