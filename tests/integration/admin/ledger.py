"""One row of every model for one organization, written straight into the tables."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model

from allocations.models import AccountAllocation, Allocation, BookingLeg, StandingInstruction
from controls.models import (
    Breaker,
    Control,
    ControlList,
    ListingDecision,
    Mandate,
    Screening,
)
from oms_site.firm.models import ApiKey, Generation, RoleChange, SandboxClock, User, digest
from oms_site.journal.models import Event, IdempotencyKey
from oms_site.kit import ids
from oms_site.throttling.models import RateGrant, RateRestriction, RateTier
from orders.models import (
    AllocationDue,
    Break,
    BrokerWheel,
    Cross,
    Execution,
    ExecutionOrder,
    HeldReport,
    NotionalPart,
    Order,
    OrderTerms,
    Quote,
    QuoteRound,
    ReplaceLeg,
    Replacement,
    ReportedTrade,
    Rfq,
    Ruleset,
    Schedule,
    ScheduleSlice,
    VenueOrder,
)
from tests import factories
from tests.factories import AT
from tests.integration.admin import client_side, market_side
from tests.integration.controls import rows
from venues.models import (
    Certification,
    Dealer,
    Inbound,
    Outbound,
    ReferencePrice,
    RoutingDecision,
    TradingDayRow,
    VenueProfile,
    VenueSymbol,
)

QTY = Decimal(1000)
DAY = AT.date()
Row = TypeVar("Row", bound=Model)
SECRET = "the-secret-of-{}"


def again(row: Row) -> Row:
    """The row as it is in the database now; protected states cannot be refreshed in place."""
    return type(row)._default_manager.get(pk=row.pk)


def order(of: str, maker: User, **values: Any) -> Order:
    """An approved order of a thousand for an account of its own."""
    owner = factories.organization(of)
    return Order.objects.create(
        **{
            "id": ids.order_id(),
            "organization": owner,
            "version": 1,
            "fingerprint": "f",
            "instrument": factories.instrument(),
            "account": factories.account(organization=owner),
            "policy": factories.policy(organization=owner),
            "submitted_by": maker,
            "order_qty": QTY,
            "leaves_qty": QTY,
            "side": "buy",
            "ord_type": "limit",
            "limit_price": Decimal("99.5"),
            "status": "pending_execution",
            "economics": 1,
            "trade_date": DAY,
            "eligible_at": AT,
            "expires_at": AT + timedelta(hours=6),
            "created_at": AT,
            **values,
        }
    )


def fill(of: str) -> dict[type[Model], Model]:
    """Rows of every registered model; people of the organization have its name in theirs."""
    owner = factories.organization(of)
    maker = factories.user(f"{of}_trader", of=of, role="trader")
    decider = factories.user(f"{of}_compliance", of=of, role="compliance")
    rows: list[Model] = [
        owner,
        maker,
        *_configuration(of, maker),
        *_story(of, maker, decider),
    ]
    return {type(row): row for row in rows}


def _configuration(of: str, maker: User) -> list[Model]:
    owner = factories.organization(of)
    made = {"organization": owner, "created_at": AT}
    instrument = factories.instrument()
    group = factories.risk_group(
        organization=owner, fees=[{"fee_type": "commission", "fee_amount": "0.05"}]
    )
    account = factories.account(organization=owner, risk_group=group)
    listed = {"kind": "watch", "cusips": ["38143C3G4"], "name": "watched", **made}
    seen = ControlList.objects.create(version=1, **listed)
    watched = ControlList.objects.create(version=2, **listed)
    return [
        factories.policy(organization=owner, rules={"buy_in_days": 2}),
        RoleChange.objects.create(
            user=maker,
            organization=owner,
            was=maker.roles,
            roles=["auditor"],
            reason=f"of {of}",
            proposed_by=maker,
            proposed_at=AT,
        ),
        ApiKey.objects.create(
            user=maker,
            digest=digest(SECRET.format(of)),
            prefix=f"key_of_{of}",
            sandbox=True,
            created_at=AT,
        ),
        LogEntry.objects.create(
            user=maker,
            content_type=ContentType.objects.get_for_model(User),
            object_id=str(maker.pk),
            object_repr=str(maker),
            action_flag=CHANGE,
            change_message="told",
        ),
        *_rates(of, maker),
        SandboxClock.objects.get_or_create(id=1)[0],
        Generation.objects.get_or_create(id=1)[0],
        instrument,
        *_market(),
        RoutingDecision.objects.create(
            id=ids.prefixed("rd"),
            organization=owner,
            subject="eo_of_the_ledger",
            instrument=instrument,
            kind="route",
            qty=QTY,
            reason=f"of {of}",
            slices=[],
            scores=[],
            quotes={},
            decided_at=AT,
        ),
        ReferencePrice.objects.get_or_create(
            instrument=instrument, defaults={"mid_px": Decimal("99.5"), "source": "test", "at": AT}
        )[0],
        TradingDayRow.objects.get_or_create(
            market="SIFMA",
            date=DAY,
            defaults={
                "regular_open": AT - timedelta(hours=2),
                "extended_open": AT - timedelta(hours=4),
                "regular_close": AT + timedelta(hours=6),
                "extended_close": AT + timedelta(hours=8),
            },
        )[0],
        factories.custodian(),
        StandingInstruction.objects.create(
            organization=owner, custodian=factories.custodian(), participant="0901"
        ),
        factories.introducing_broker(organization=owner),
        group,
        account,
        Control.objects.create(
            code="max-quantity",
            name="Maximum quantity",
            rule_class="size.max_quantity",
            params={"max_qty": "1000000000"},
            remediation="reject",
            **made,
        ),
        watched,
        ListingDecision.objects.create(
            organization=owner, control_list=seen, approve=False, decided_by=maker, decided_at=AT
        ),
        Breaker.objects.create(
            organization_id=of, name=f"breaker of {of}", kind="price_move", percent=Decimal(10)
        ),
        Mandate.objects.create(account=account, version=1, rules={"min_rating": "BBB"}, **made),
        Ruleset.objects.create(version=1, rules=[], active=True, **made),
        BrokerWheel.objects.create(version=1, weights={}, active=True, **made),
        *market_side.of_one(of, factories.venue()),
    ]


def _market() -> list[Model]:
    venue, instrument = factories.venue(), factories.instrument()
    return [
        venue,
        Dealer.objects.get_or_create(id="DLR-TEST", defaults={"name": "Test", "venue": venue})[0],
        VenueProfile.objects.get_or_create(venue=venue)[0],
        VenueSymbol.objects.get_or_create(
            venue=venue, instrument=instrument, defaults={"symbol": "TEST 5 30"}
        )[0],
        Certification.objects.create(
            venue=venue, configuration="none", passed=False, began_at=AT, ended_at=AT, by="test"
        ),
        *market_side.of_all(venue),
    ]


def _inquiry(of: str, one: Order) -> list[Model]:
    living: dict[str, Any] = {"organization_id": of, "version": 1}
    asked = Rfq.objects.create(
        id=ids.prefixed("rfq"),
        order=one,
        venue=factories.venue(),
        qty=QTY,
        dealers=["DLR-TEST"],
        bidding="asap",
        due_at=AT + timedelta(minutes=1),
        expires_at=AT + timedelta(minutes=5),
        created_at=AT,
        **living,
    )
    quote = Quote.objects.create(
        id=ids.prefixed("qt"),
        rfq=asked,
        dealer_id="DLR-TEST",
        quote_ref=ids.prefixed("q"),
        price=Decimal("99.5"),
        qty=QTY,
        valid_until=AT + timedelta(minutes=2),
        quoted_at=AT,
        received_at=AT,
        **living,
    )
    counter = QuoteRound.objects.create(
        id=ids.prefixed("qround"),
        rfq=asked,
        quote=quote,
        dealer_id="DLR-TEST",
        number=2,
        price=Decimal("99.4"),
        street_price=Decimal("99.4"),
        asked_by=one.submitted_by,
        asked_at=AT,
        **living,
    )
    return [asked, quote, counter]


def _amendment(one: Order, child: VenueOrder) -> list[Model]:
    named: dict[str, Any] = {"organization_id": one.organization_id, "order": one}
    terms = OrderTerms.objects.create(
        id=ids.prefixed("ot"), revision=1, order_qty=QTY, since=AT, **named
    )
    asked = Replacement.objects.create(
        id=ids.prefixed("am"),
        version=1,
        revision=2,
        fingerprint="f",
        requested_by=one.submitted_by,
        order_qty=QTY * 2,
        was_qty=QTY,
        was_cum_qty=0,
        created_at=AT,
        **named,
    )
    leg = ReplaceLeg.objects.create(
        id=ids.prefixed("vr"),
        version=1,
        replacement=asked,
        venue_order=child,
        orig_cl_ord_id=child.id,
        qty=QTY * 2,
        was_qty=QTY,
        created_at=AT,
        **named,
    )
    return [terms, asked, leg]


def _schedule(one: Order) -> list[Model]:
    living: dict[str, Any] = {"organization_id": one.organization_id, "version": 1, "order": one}
    schedule = Schedule.objects.create(
        id=ids.prefixed("sch"),
        origin="request",
        strategy="twap",
        qty=QTY,
        max_slice=QTY,
        start_at=AT,
        end_at=AT + timedelta(hours=1),
        next_at=AT,
        remainder="carry",
        completion="cancel",
        created_at=AT,
        **living,
    )
    item = ScheduleSlice.objects.create(
        id=ids.prefixed("sl"), schedule=schedule, number=1, due_at=AT, qty=QTY, **living
    )
    return [schedule, item]


def _rates(of: str, maker: User) -> list[Model]:
    tier = RateTier.objects.get_or_create(name="standard")[0]
    return [
        tier,
        RateGrant.objects.create(tier=tier, user=maker),
        RateRestriction.objects.create(
            id=ids.prefixed("rr"),
            organization_id=of,
            version=1,
            user=maker,
            since=AT,
            until=AT + timedelta(hours=1),
            reason="too much",
        ),
    ]


def _story(of: str, maker: User, decider: User) -> list[Model]:
    one = order(of, maker)
    owned: dict[str, Any] = {"organization_id": of}
    living = {**owned, "version": 1, "created_at": AT}
    screening = Screening.objects.create(
        id=ids.prefixed("scr"),
        subject=one.id,
        outcome="flagged",
        ticket={"qty": "1000"},
        results=[{"code": "max-quantity", "outcome": "flagged"}],
        screened_at=AT,
        **owned,
    )
    review = rows.review(screening, maker, status="approved", by=decider)
    execution_order = ExecutionOrder.objects.create(
        id=ids.prefixed("eo"),
        order=one,
        screening=screening,
        screening_outcome="flagged",
        review=review,
        review_status="approved",
        protocol="limit_order_book",
        strategy="manual",
        qty=QTY,
        leaves_qty=QTY,
        origin="instruction",
        **living,
    )
    venue_order = VenueOrder.objects.create(
        id=ids.prefixed("vo"),
        order=one,
        execution_order=execution_order,
        venue=factories.venue(),
        qty=QTY,
        leaves_qty=QTY,
        **living,
    )
    return [
        one,
        screening,
        review,
        execution_order,
        venue_order,
        *_shares(of, execution_order, venue_order),
        HeldReport.objects.create(
            id=ids.prefixed("xtr"),
            organization_id=of,
            version=1,
            order=one,
            execution_order=execution_order,
            exec_id=ids.prefixed("t"),
            report={"qty": "1000", "price": "150"},
            reason="far from the market",
            requested_by=maker,
            requested_at=AT,
        ),
        *_outside(of, one, execution_order),
        *_inquiry(of, one),
        *_amendment(one, venue_order),
        *_schedule(one),
        *_clients(of, one, maker),
        *_journal(of, one),
        *_inside(of, one, execution_order, maker),
    ]


def _outside(of: str, one: Order, cleared: ExecutionOrder) -> list[Model]:
    """A report of a trade that was made elsewhere."""
    worked = ExecutionOrder.objects.create(
        id=ids.prefixed("eo"),
        organization_id=of,
        version=1,
        created_at=AT,
        order=one,
        screening_id=cleared.screening_id,
        screening_outcome=cleared.screening_outcome,
        review_id=cleared.review_id,
        review_status=cleared.review_status,
        protocol="external",
        strategy="external",
        qty=QTY,
        leaves_qty=QTY,
        origin="request",
    )
    told = ReportedTrade.objects.create(
        id=ids.prefixed("xtr"),
        organization_id=of,
        version=1,
        order=one,
        execution_order=worked,
        exec_id=ids.prefixed("t"),
        fingerprint="0" * 64,
        reported_at=AT,
    )
    return [told]


def _inside(of: str, one: Order, worked: ExecutionOrder, maker: User) -> list[Model]:
    """A cross of `one` with an order to sell, and the money that `one` was given in."""
    owned: dict[str, Any] = {"organization_id": of}
    living = {**owned, "version": 1, "created_at": AT}
    other = order(of, maker, side="sell")
    look = Screening.objects.create(
        id=ids.prefixed("scr"),
        subject=other.id,
        outcome="passed",
        ticket={},
        results=[],
        screened_at=AT,
        **owned,
    )
    taken = ExecutionOrder.objects.create(
        id=ids.prefixed("eo"),
        order=other,
        screening=look,
        screening_outcome="passed",
        protocol="internal_cross",
        strategy="midpoint",
        qty=QTY,
        leaves_qty=QTY,
        origin="instruction",
        **living,
    )
    bought, sold = (_crossed(owned, row, n) for n, row in enumerate((worked, taken)))
    cross = Cross.objects.create(
        id=ids.prefixed("cx"),
        instrument=one.instrument,
        qty=QTY,
        price=Decimal("99.5"),
        bid_px=Decimal("99.4"),
        ask_px=Decimal("99.6"),
        buy_order=one,
        sell_order=other,
        buy_execution=bought,
        sell_execution=sold,
        reason="inside the market",
        crossed_at=AT,
        **owned,
    )
    money = NotionalPart.objects.create(
        id=ids.prefixed("np"),
        order=one,
        account=one.account,
        position=0,
        currency="USD",
        notional=Decimal("1000.00"),
        price=Decimal("99.5"),
        price_source="limit",
        increment=QTY,
        qty=QTY,
        principal=Decimal("995.00"),
        residual=Decimal("5.00"),
        at=AT,
        **owned,
    )
    return [cross, money]


def _crossed(owned: dict[str, Any], row: ExecutionOrder, n: int) -> Execution:
    return Execution.objects.create(
        id=ids.prefixed("ex"),
        order_id=row.order_id,
        execution_order=row,
        source="INTX",
        exec_id=ids.prefixed("x"),
        sequence=10 + n,
        qty=QTY,
        price=Decimal("99.5"),
        principal=Decimal(995),
        accrued_interest=Decimal(0),
        fees=Decimal(0),
        net_money=Decimal(995),
        trade_date=DAY,
        settlement_date=DAY + timedelta(days=3),
        executed_at=AT,
        received_at=AT,
        **owned,
    )


def _shares(of: str, execution_order: ExecutionOrder, venue_order: VenueOrder) -> list[Model]:
    return [
        Execution.objects.create(
            id=ids.prefixed("ex"),
            organization_id=of,
            order_id=execution_order.order_id,
            execution_order=execution_order,
            venue_order=venue_order,
            source="xsim",
            exec_id=ids.prefixed("e"),
            sequence=1,
            qty=QTY,
            price=Decimal("99.5"),
            principal=Decimal(995),
            accrued_interest=Decimal("1.25"),
            fees=Decimal(0),
            net_money=Decimal("996.25"),
            trade_date=DAY,
            settlement_date=DAY + timedelta(days=3),
            executed_at=AT,
            received_at=AT,
        ),
        Break.objects.create(
            id=ids.prefixed("brk"),
            organization_id=of,
            version=1,
            kind="late_fill",
            key="k",
            order_id=execution_order.order_id,
            evidence={"exec_id": "1"},
            opened_at=AT,
        ),
        Outbound.objects.create(
            venue=venue_order.venue,
            cl_ord_id=venue_order.id,
            kind="D",
            body='{"qty":1000.000000}',
            created_at=AT,
        ),
        Inbound.objects.create(
            venue=venue_order.venue,
            seq=Inbound.objects.count() + 1,
            body="not json",
            received_at=AT,
        ),
        AllocationDue.objects.create(order_id=execution_order.order_id, due_at=AT),
    ]


def _clients(of: str, one: Order, maker: User) -> list[Model]:
    custodian = factories.custodian()
    owned: dict[str, Any] = {"organization_id": of, "version": 1}
    allocation = Allocation.objects.create(
        id=ids.prefixed("al"),
        order_id=one.id,
        strategy="fifo_without_averaging",
        instrument=one.instrument,
        side="buy",
        requested_qty=QTY,
        created_at=AT,
        **owned,
    )
    part = AccountAllocation.objects.create(
        id=ids.prefixed("aa"),
        allocation=allocation,
        account_id=one.account_id or "",
        position=1,
        requested_qty=QTY,
        **owned,
    )
    leg = BookingLeg.objects.create(
        id=ids.prefixed("bl"),
        account_allocation=part,
        allocation=allocation,
        custodian=custodian,
        sequence=1,
        qty=QTY,
        price=Decimal("99.5"),
        principal=Decimal(995),
        accrued_interest=Decimal("1.25"),
        fees=Decimal(0),
        net_money=Decimal("996.25"),
        trade_date=DAY,
        settlement_date=DAY + timedelta(days=3),
        created_at=AT,
        status="failed",
        **owned,
    )
    return [allocation, part, leg, *client_side.rows(of, maker, leg)]


def _journal(of: str, one: Order) -> list[Model]:
    return [
        Event.objects.create(
            event_id=ids.prefixed("evt"),
            organization_id=of,
            msg_type="order_update",
            event_type="submit",
            subject=one.id,
            seq=1,
            order_id=one.id,
            at=AT,
            recorded_at=AT,
            actor=f"{of}_trader",
            body='{"msg_type":"order_update","price":99.50}',
            changes="[]",
        ),
        IdempotencyKey.objects.create(
            organization_id=of,
            key="k",
            fingerprint="f",
            status=201,
            body="{}",
            created_at=AT,
        ),
    ]
