"""An order with the product's columns; what the client names is a foreign key, the rest is plain.

Fewer keys and indexes than the product has, no controls and no events: all in its favor.
"""

from __future__ import annotations

import uuid

from django.db import models


class Instrument(models.Model):
    """A security."""

    objects: models.Manager[Instrument] = models.Manager()

    cusip = models.CharField(primary_key=True, max_length=9)

    def __str__(self) -> str:
        return self.cusip


class Account(models.Model):
    """A client account."""

    objects: models.Manager[Account] = models.Manager()

    id = models.CharField(primary_key=True, max_length=40)

    def __str__(self) -> str:
        return self.id


def _order_id() -> str:
    return f"mo_{uuid.uuid4().hex[:21]}"


class Order(models.Model):
    """An order row."""

    objects: models.Manager[Order] = models.Manager()

    id = models.CharField(primary_key=True, max_length=40, default=_order_id, editable=False)
    organization_id = models.CharField(max_length=40)
    version = models.PositiveIntegerField(default=0)
    client_order_id = models.CharField(max_length=80, null=True, unique=True)
    fingerprint = models.CharField(max_length=64, blank=True)
    instrument = models.ForeignKey(Instrument, on_delete=models.PROTECT)
    account = models.ForeignKey(Account, on_delete=models.PROTECT)
    ib_id = models.CharField(max_length=40, null=True, blank=True)
    risk_group_id = models.CharField(max_length=40, null=True, blank=True)
    custodian_id = models.CharField(max_length=40, null=True, blank=True)
    allocation_id = models.CharField(max_length=40, null=True, blank=True)
    policy_id = models.BigIntegerField(default=1)
    submitted_by_id = models.BigIntegerField()
    amount_type = models.CharField(max_length=8, default="par")
    order_qty = models.DecimalField(max_digits=20, decimal_places=6)
    side = models.CharField(max_length=4, choices=[("buy", "buy"), ("sell", "sell")])
    ord_type = models.CharField(max_length=8, choices=[("market", "market"), ("limit", "limit")])
    limit_price = models.DecimalField(max_digits=18, decimal_places=8, null=True, blank=True)
    time_in_force = models.CharField(max_length=4, default="day")
    extended_hours = models.BooleanField(default=False)
    all_or_none = models.BooleanField(default=False)
    explicit_cancelation_required = models.BooleanField(default=False)
    bypass_auto_execution = models.BooleanField(default=False)
    execution_instructions = models.JSONField(default=list, blank=True)
    fees = models.JSONField(default=list, blank=True)
    trader_profile = models.JSONField(null=True, blank=True)
    annotation = models.TextField(blank=True)
    economics = models.BigIntegerField(default=0)
    trade_date = models.DateField()
    eligible_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField()
    status = models.CharField(max_length=18, default="pending_execution")
    pending = models.CharField(max_length=8, default="", blank=True)
    in_doubt = models.BooleanField(default=False)
    cum_qty = models.DecimalField(max_digits=20, decimal_places=6, default=0)
    leaves_qty = models.DecimalField(max_digits=20, decimal_places=6)
    gross = models.DecimalField(max_digits=34, decimal_places=14, default=0)
    avg_px = models.DecimalField(max_digits=24, decimal_places=10, null=True, blank=True)
    avg_ytm = models.DecimalField(max_digits=12, decimal_places=6, null=True, blank=True)
    screening_id = models.CharField(max_length=40, null=True, blank=True)
    route_at = models.DateTimeField(null=True, blank=True)
    execution_orders_made = models.PositiveSmallIntegerField(default=0)
    executions_made = models.PositiveIntegerField(default=0)
    approved_at = models.DateTimeField(null=True, blank=True)
    filled_at = models.DateTimeField(null=True, blank=True)
    canceled_at = models.DateTimeField(null=True, blank=True)
    rejected_at = models.DateTimeField(null=True, blank=True)
    expired_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    rejected_by = models.CharField(max_length=12, blank=True)
    reject_code = models.CharField(max_length=60, blank=True)
    reject_reason = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return self.id


# What a client may write.
TERMS = (
    "client_order_id",
    "instrument",
    "account",
    "order_qty",
    "side",
    "ord_type",
    "limit_price",
    "time_in_force",
    "extended_hours",
    "all_or_none",
    "bypass_auto_execution",
    "annotation",
)
