"""What accounts hold: the ledger of movements, and the rows that are its fold.

Movements are facts. Positions, lots and cash are kept beside them so that nobody has to add up;
`allocations.holdings` alone makes and moves all of these.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from allocations.models.account import Account
from oms_site.journal.rows import LedgerFact, LedgerRow
from venues.models import Instrument

# Accounts have no constraint: the suspense account of an organization has an id and no row, and
# accounts are never deleted. It would lock the same few rows in every batch of fills; so would one
# on instruments.


class Movement(LedgerFact):
    """One fact that moved an account's securities, its cash, or both.

    `qty` is signed (a buy is positive), `consideration` is what it cost with fees and without
    accrued interest (signed like `qty`), `cash` is what the account got (negative: paid). The
    columns `*_after` are the account's balances once it had moved, so that any past moment is read
    by one index seek. `reverses` names the source whose movement this one takes back.
    """

    class Kind(models.TextChoices):
        TRADE = "trade"
        BUST = "bust"
        CORRECTION = "correction"
        ALLOCATION = "allocation"
        REVERSAL = "reversal"
        TRANSFER = "transfer"
        DEPOSIT = "deposit"
        WITHDRAWAL = "withdrawal"
        ADJUSTMENT = "adjustment"
        COUPON = "coupon"
        DIVIDEND = "dividend"
        REDEMPTION = "redemption"
        CALL = "call"
        SPLIT = "split"
        FX_BUY = "fx_buy", "currency bought"
        FX_SELL = "fx_sell", "currency sold"
        FEE = "fee", "fee charged later"

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    instrument = models.ForeignKey(
        Instrument,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    currency = models.CharField(max_length=3)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    source_id = models.CharField(max_length=40)
    reverses = models.CharField(max_length=40, blank=True)
    order_id = models.CharField(max_length=40, blank=True)
    update_id = models.CharField(max_length=40)
    qty = models.DecimalField(default=0, max_digits=20, decimal_places=6)
    price = models.DecimalField(max_digits=24, decimal_places=10, null=True, blank=True)
    principal = models.DecimalField(default=0, max_digits=20, decimal_places=2)
    accrued_interest = models.DecimalField(default=0, max_digits=20, decimal_places=2)
    fees = models.DecimalField(default=0, max_digits=20, decimal_places=2)
    consideration = models.DecimalField(default=0, max_digits=20, decimal_places=2)
    cash = models.DecimalField(default=0, max_digits=20, decimal_places=2)
    trade_date = models.DateField()
    settlement_date = models.DateField()
    relief = models.CharField(max_length=8, blank=True)
    ratio_new = models.PositiveIntegerField(default=0)
    ratio_old = models.PositiveIntegerField(default=0)
    fx_rate = models.DecimalField(max_digits=20, decimal_places=10, null=True, blank=True)
    fx_source = models.CharField(max_length=40, blank=True)
    fx_at = models.DateTimeField(null=True, blank=True)
    # Booked elsewhere, so no custodian of ours will say that it settled: it does on its day.
    elsewhere = models.BooleanField(default=False)
    # The prevailing market price when it was traded, as a clean price, where it was known then.
    pmp = models.DecimalField(max_digits=18, decimal_places=8, null=True, blank=True)
    pmp_source = models.CharField(max_length=40, default="", blank=True)
    pmp_at = models.DateTimeField(null=True, blank=True)
    at = models.DateTimeField()

    sequence = models.PositiveBigIntegerField(null=True, blank=True)
    qty_after = models.DecimalField(null=True, blank=True, max_digits=20, decimal_places=6)
    cost_after = models.DecimalField(null=True, blank=True, max_digits=20, decimal_places=2)
    realized_after = models.DecimalField(null=True, blank=True, max_digits=20, decimal_places=2)
    cash_sequence = models.PositiveBigIntegerField(null=True, blank=True)
    cash_after = models.DecimalField(null=True, blank=True, max_digits=20, decimal_places=2)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source_id", "account", "kind"], name="movement_once_per_source"
            ),
            models.CheckConstraint(condition=~Q(source_id=""), name="movement_has_a_source"),
            models.CheckConstraint(
                condition=~Q(qty=0) | ~Q(cash=0) | ~Q(consideration=0), name="movement_moves"
            ),
            models.CheckConstraint(
                condition=Q(instrument=None, sequence=None, qty=0)
                | (~Q(instrument=None) & ~Q(sequence=None)),
                name="movement_of_a_position",
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "instrument", "at", "sequence"],
                name="movement_of_position",
                condition=~Q(instrument=None),
                # Past positions are read from the index alone.
                include=["qty_after", "cost_after", "realized_after"],
            ),
            models.Index(
                fields=["account", "currency", "at", "cash_sequence"], name="movement_of_cash"
            ),
            models.Index(fields=["account", "settlement_date"], name="movement_unsettled"),
            models.Index(fields=["update_id"], name="movement_of_update"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.source_id}"


class Position(LedgerRow):
    """What one account holds of one instrument: the fold of its movements.

    `cost` is that of the open lots, signed like `qty`; `realized` is profit since the beginning.
    """

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    instrument = models.ForeignKey(
        Instrument,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    qty = models.DecimalField(default=0, max_digits=20, decimal_places=6)
    cost = models.DecimalField(default=0, max_digits=20, decimal_places=2)
    realized = models.DecimalField(default=0, max_digits=20, decimal_places=2)
    accrued_interest = models.DecimalField(default=0, max_digits=20, decimal_places=2)
    fees = models.DecimalField(default=0, max_digits=20, decimal_places=2)
    sequence = models.PositiveBigIntegerField(default=0)
    moved_at = models.DateTimeField()

    MUTABLE: ClassVar[tuple[str, ...]] = (
        "qty",
        "cost",
        "realized",
        "accrued_interest",
        "fees",
        "sequence",
        "moved_at",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "instrument"], name="one_position_per_account"
            )
        ]
        indexes = [
            models.Index(fields=["organization", "account", "instrument"], name="position_list"),
            models.Index(fields=["instrument"], name="position_of_instrument"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.instrument_id}"


class TaxLot(LedgerRow):
    """Shares bought (or sold short) together, and what is left of them. Signed like the position.

    Its id comes from the movement that opened it, so that folding again finds the same lot.
    """

    position = models.ForeignKey(
        Position, on_delete=models.PROTECT, related_name="lots", db_index=False
    )
    movement_id = models.CharField(max_length=40)
    acquired = models.DateField()
    opened = models.PositiveBigIntegerField()
    price = models.DecimalField(max_digits=24, decimal_places=10, null=True, blank=True)

    qty = models.DecimalField(max_digits=20, decimal_places=6)
    cost = models.DecimalField(max_digits=20, decimal_places=2)
    open_qty = models.DecimalField(max_digits=20, decimal_places=6)
    open_cost = models.DecimalField(max_digits=20, decimal_places=2)

    MUTABLE: ClassVar[tuple[str, ...]] = ("qty", "cost", "open_qty", "open_cost")

    class Meta:
        indexes = [
            models.Index(fields=["position", "opened"], name="open_lots", condition=~Q(open_qty=0))
        ]

    def __str__(self) -> str:
        return f"{self.open_qty} of {self.qty}"


class CashBalance(LedgerRow):
    """An account's cash in one currency as traded: everything agreed, settled or not."""

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    currency = models.CharField(max_length=3)
    amount = models.DecimalField(default=0, max_digits=20, decimal_places=2)
    sequence = models.PositiveBigIntegerField(default=0)
    moved_at = models.DateTimeField()

    MUTABLE: ClassVar[tuple[str, ...]] = ("amount", "sequence", "moved_at")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "currency"], name="one_cash_balance_per_currency"
            )
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.currency}"


class LotChoice(LedgerFact):
    """Which lots a sale (or the cover of a short) is taken from, when the account says which."""

    movement = models.ForeignKey(Movement, on_delete=models.PROTECT, related_name="choices")
    lots = models.JSONField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.id


class Transaction(LedgerRow):
    """Cash or securities moved by people rather than by trades: made by one, checked by another."""

    class Kind(models.TextChoices):
        DEPOSIT = "deposit"
        WITHDRAWAL = "withdrawal"
        TRANSFER = "transfer"
        CORRECTION = "correction"
        EXCHANGE = "exchange"
        FEE = "fee"  # agreed by two people in closing a break; nobody submits one

    client_transaction_id = models.CharField(max_length=80, null=True, blank=True)
    fingerprint = models.CharField(max_length=64)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    to_account = models.ForeignKey(
        Account,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    instrument = models.ForeignKey(
        Instrument,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    currency = models.CharField(max_length=3)
    qty = models.DecimalField(default=0, max_digits=20, decimal_places=6)
    amount = models.DecimalField(default=0, max_digits=20, decimal_places=2)
    cost = models.DecimalField(default=0, max_digits=20, decimal_places=2)
    settlement_date = models.DateField()
    to_currency = models.CharField(max_length=3, blank=True)
    to_amount = models.DecimalField(default=0, max_digits=20, decimal_places=2)
    fx_rate = models.DecimalField(max_digits=20, decimal_places=10, null=True, blank=True)
    fx_source = models.CharField(max_length=40, blank=True)
    fx_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    maker_id = models.BigIntegerField()
    created_at = models.DateTimeField()

    decision = models.CharField(max_length=8, default="", blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    checker_id = models.BigIntegerField(null=True, blank=True)
    annotation = models.CharField(max_length=300, blank=True)

    MUTABLE: ClassVar[tuple[str, ...]] = ("decision", "decided_at", "checker_id", "annotation")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "client_transaction_id"],
                name="client_transaction_id_for_ever",
                condition=~Q(client_transaction_id=None),
            ),
            models.CheckConstraint(
                condition=Q(decision__in=["", "applied", "rejected"]),
                name="transaction_decision_known",
            ),
            # Whoever made it does not check it; what needs no second person has no checker.
            models.CheckConstraint(
                condition=Q(checker_id=None) | ~Q(checker_id=models.F("maker_id")),
                name="transaction_maker_is_not_checker",
            ),
            models.CheckConstraint(
                condition=~Q(kind="correction", decision="applied") | ~Q(checker_id=None),
                name="correction_has_a_checker",
            ),
            models.CheckConstraint(
                condition=~Q(kind="fee")
                | Q(decision="applied", checker_id__isnull=False, cost=-models.F("amount"), qty=0),
                name="fee_is_charged_by_two",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "created_at", "id"], name="transaction_list")
        ]

    def __str__(self) -> str:
        return self.id


class PastPrice(models.Model):
    """A reference price that was: the first and the last of every five minutes in which it moved.

    Written by the database as the price moves, of what anybody has ever held; never changed. So
    a moment of the past is valued by what was known then, at most five minutes older.
    """

    instrument = models.ForeignKey(
        Instrument, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    at = models.DateTimeField()
    mid_px = models.DecimalField(max_digits=18, decimal_places=8)
    source = models.CharField(max_length=20)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["instrument", "at"], name="past_price_once")]

    def __str__(self) -> str:
        return f"{self.mid_px} at {self.at:%Y-%m-%d %H:%M:%S}"
