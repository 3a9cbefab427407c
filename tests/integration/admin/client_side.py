"""One row of every ledger and setting of the client side, beside an allocation and its leg."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Model

from allocations.models import (
    BookingConfiguration,
    BookingLeg,
    CashBalance,
    CorporateAction,
    DroppedAccount,
    FxRate,
    GiveUp,
    MarginCall,
    MarginRate,
    Movement,
    Position,
    PostTradeEntry,
    ReleaseRule,
    Repair,
    TaxLot,
    Transaction,
)
from oms_site.firm.models import User
from oms_site.kit import ids
from tests import factories, unsourced
from tests.factories import AT

DAY = AT.date()


def rows(of: str, maker: User, leg: BookingLeg) -> list[Model]:
    """The rows, of the leg's account and instrument."""
    owned: dict[str, Any] = {"organization_id": of}
    living = {**owned, "version": 1}
    account_id = leg.account_allocation.account_id
    instrument_id = leg.allocation.instrument_id
    return [
        *_holdings({"account_id": account_id}, instrument_id, owned, living, maker),
        *_settings(owned, leg.custodian_id),
        Repair.objects.create(
            id=ids.prefixed("rep"),
            allocation_id=leg.allocation_id,
            leg=leg,
            custodian_id=leg.custodian_id,
            reason="closed there",
            requested_by=maker,
            requested_at=AT,
            **living,
        ),
        PostTradeEntry.objects.create(
            id=ids.prefixed("pte"),
            order_id=leg.allocation.order_id,
            strategy="flat",
            requested=[{"account_id": account_id, "qty": "1000"}],
            requested_qty=leg.qty,
            filled_qty=leg.qty,
            reason="by phone",
            maker=maker,
            requested_at=AT,
            **living,
        ),
        GiveUp.objects.create(
            id=ids.prefixed("gu"),
            allocation_id=leg.allocation_id,
            leg=leg,
            kind="give_up",
            clearing_firm_id=leg.custodian_id,
            qty=leg.qty,
            reason="clears there",
            maker=maker,
            requested_at=AT,
            **living,
        ),
        DroppedAccount.objects.create(
            id=ids.prefixed("da"),
            allocation_id=leg.allocation_id,
            account=factories.account(**owned),
            position=2,
            requested_qty=leg.qty,
            screening_id="scr_of_the_ledger",
            code="max-quantity",
            reason="too large",
            at=AT,
            **owned,
        ),
        CorporateAction.objects.create(
            id=ids.prefixed("ca"),
            instrument_id=instrument_id,
            kind="coupon",
            record_date=DAY,
            pay_date=DAY,
            rate=Decimal("2.5"),
            source="schedule",
            announced_at=AT,
            **living,
        ),
        MarginCall.objects.create(
            id=ids.prefixed("mc"),
            account_id=account_id,
            currency="USD",
            requirement=Decimal(500),
            equity=Decimal(400),
            opened_at=AT,
            **living,
        ),
    ]


def _holdings(
    whose: dict[str, Any],
    instrument_id: int,
    owned: dict[str, Any],
    living: dict[str, Any],
    maker: User,
) -> list[Model]:
    unsourced.lift()
    position = Position.objects.create(
        id=ids.prefixed("po"), instrument_id=instrument_id, moved_at=AT, **whose, **living
    )
    movement = Movement.objects.create(
        id=ids.prefixed("mv"),
        instrument_id=instrument_id,
        currency="USD",
        kind="trade",
        source_id=ids.prefixed("ex"),
        update_id=ids.prefixed("up"),
        qty=Decimal(1000),
        sequence=1,
        trade_date=DAY,
        settlement_date=DAY + timedelta(days=1),
        at=AT,
        **whose,
        **owned,
    )
    return [
        position,
        movement,
        TaxLot.objects.create(
            id=ids.prefixed("tl"),
            position=position,
            movement_id=movement.id,
            acquired=DAY,
            opened=1,
            qty=Decimal(1000),
            cost=Decimal(995),
            open_qty=Decimal(1000),
            open_cost=Decimal(995),
            **living,
        ),
        CashBalance.objects.create(
            id=ids.prefixed("cb"), currency="USD", moved_at=AT, **whose, **living
        ),
        Transaction.objects.create(
            id=ids.prefixed("tx"),
            fingerprint="f",
            kind="deposit",
            currency="USD",
            amount=Decimal(100),
            settlement_date=DAY,
            maker_id=maker.pk,
            created_at=AT,
            **whose,
            **living,
        ),
    ]


def _settings(owned: dict[str, Any], custodian_id: str) -> list[Model]:
    return [
        BookingConfiguration.objects.create(
            custodian_id=custodian_id,
            number=1,
            instructions="DTC",
            active=False,
            created_at=AT,
            **owned,
        ),
        ReleaseRule.objects.create(name=ids.prefixed("rule"), release="close", **owned),
        MarginRate.objects.create(asset_class="corporate", percent=Decimal(50), **owned),
        FxRate.objects.create(
            base="EUR", quote="USD", source="test", at=AT, rate=Decimal("1.1"), **owned
        ),
    ]
