"""One of everything that an address names, of Alpha, and what to send to each endpoint."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from allocations.models import Account
from controls import halts, listing, order_groups
from controls.halts import Target
from controls.models import Review
from oms_site.firm import policy_changes, role_changes
from oms_site.journal import actors, unit
from oms_site.kit import clock
from orders import breaks
from orders.models import Break
from tests import quoting, trading
from tests.client import ORDER

BOOK = {"amount": {"par": 1000}}
DEALERS = [quoting.SWIFT, quoting.BROAD]
USUAL: dict[str, Any] = {"reason": "a reason"}
_DECIDE = {"decision": "approve", "annotation": "a reason"}
# What an endpoint wants to read before it asks who is there.
BODIES: dict[str, Any] = {
    "POST order-list": ORDER,
    "POST order-bulk": {"orders": [ORDER]},
    "POST order-approve": {"annotation": "a reason"},
    "POST order-reject": {"annotation": "a reason"},
    "POST execution-order-lob-sor": BOOK,
    "POST execution-order-lob-manual": {**BOOK, "venue_id": trading.VENUE},
    "POST execution-order-custodian-manual": {"amount": {"shares": 1000}},
    "POST execution-order-external": BOOK,
    "POST execution-order-rfq-manual": {**BOOK, "quote_id": "{quote_id}"},
    "POST execution-order-rfq-autoex": {**BOOK, "dealers": DEALERS},
    "POST trade-report": {"amount": {"par": 100}, "price": 99},
    "POST held-report-approve": {"annotation": "a reason"},
    "POST held-report-reject": {"annotation": "a reason"},
    "POST schedule-list": {"strategy": "twap"},
    "POST schedule-pause": {},
    "POST schedule-cancel": {},
    "POST rfq-list": {"order_id": "{order_id}", "dealers": DEALERS},
    "POST list-rfq": {"rfqs": [{"order_id": "{order_id}"}]},
    "POST list-rfq-batch": {"rfqs": [{"order_id": "{order_id}", **BOOK}]},
    "POST quote-counter": {"price": 99},
    "POST tax-lot-list": {"movement_id": "nothing", "lots": [{"lot_id": "l", "amount": 1}]},
    "POST transaction-list": {"kind": "deposit", "account_id": "ALPHA-002", "amount": 1},
    "POST transaction-approve": {"annotation": "a reason"},
    "POST transaction-reject": {"annotation": "a reason"},
    "POST ops-retry": {"booking_ids": ["nothing"]},
    "POST ops-repair": {"booking_id": "nothing", "reason": "a reason"},
    "POST ops-decide": {"approve": True, "note": "a reason"},
    "POST ops-give-ups": {"booking_id": "nothing", "clearing_firm_id": "cust_bny", **USUAL},
    "POST ops-give-up-decide": {"approve": True, "note": "a reason"},
    "POST kill-switch-list": {"scope": "organization", "confirm": "organization", **USUAL},
    "POST flatten-list": {"collar_percent": 1, "seen": "x", "confirm": "close out", **USUAL},
    "POST flatten-approve": {"seen": "x", "confirm": "close out"},
    "POST order-amend": {"limit_price": 99},
    "PATCH order-detail": {"limit_price": 99},
    "POST order-allocate": {
        "strategy": "fifo_without_averaging",
        "account_allocations": [
            {"account_id": "{account_id}", "requested_amount": {"type": "par", "value": 1000}}
        ],
        **USUAL,
    },
    "POST entry-approve": {"annotation": "a reason"},
    "POST entry-reject": {"annotation": "a reason"},
    "PUT template-detail": {
        "strategy": "fifo_without_averaging",
        "shares": [{"account_id": "{account_id}", "percent": 100}],
    },
    "POST template-preview": {"amount": 1000, "instrument_id": trading.BOND},
    "POST fx-rate-list": {"base": "EUR", "quote": "USD", "rate": 1.1, "source": "test"},
    "POST corporate-action-list": {
        "kind": "coupon",
        "instrument_id": trading.BOND,
        "rate": 1,
        "source": "test",
        "record_date": "2026-11-24",
        "pay_date": "2026-11-25",
        **USUAL,
    },
    "POST mass-cancel-list": {"everything": True, "confirm": "cancel", **USUAL},
    "POST mass-cancel-preview": {"everything": True},
    "POST order-list-list": {
        "contingency_type": "basket",
        "orders": [
            {
                "instrument_id": trading.BOND,
                "side": "buy",
                "type": "limit",
                "limit_price": 99,
                "amount": {"par": 1000},
                "account_id": "{account_id}",
            }
        ],
    },
    "POST order-group-list": {"name": "mine", "limit": 1000},
    "POST ops-clearing-resend": {"ids": ["nothing"]},
    "POST ops-feeds": {"name": "mine", "url": "http://127.0.0.1:9/"},
    "POST ops-feed-redeliver": {},
    "POST ops-settlement-resend": {"ids": ["nothing"]},
    "POST review-claim": {},
    "POST review-release": {},
    "POST review-bulk": {**_DECIDE, "orders": [{"order_id": "{flagged_id}"}]},
    "POST control-list-list": {"name": "mine", **USUAL},
    "POST override-grant": {"annotation": "a reason"},
    "POST override-refuse": {"annotation": "a reason"},
    "POST mandate-list": {"account_id": "{account_id}", "rules": {}, **USUAL},
    "POST role-changes": {"username": "alpha_trader", "roles": ["auditor"], **USUAL},
}
QUERIES = {"GET kill-switch-preview": "?scope=organization", "GET control-diff": "?from=1&to=1"}
# Where another of its kind is needed than the usual one.
INSTEAD: dict[str, dict[str, str]] = {
    "GET ops-paper": {"name": "confirms"},
    "POST ops-feed-step": {"step": "pause"},
    "POST ops-external-order-step": {"step": "agree"},
    "POST ops-recovery-step": {"step": "agree"},
    "POST order-approve": {"order_id": "flagged_id"},
    "POST order-reject": {"order_id": "flagged_id"},
    **{f"POST control-list-{step}": {"version": "1"} for step in ("approve", "reject")},
}


def ids() -> dict[str, str]:
    """The ids by the names of the parameters that take them."""
    at = clock.now()
    admin = trading.person("alpha_admin")
    rfq = quoting.ask(quoting.staged())
    quote = quoting.quoted(rfq, [(quoting.SWIFT, "99.1")])[quoting.SWIFT]
    child = trading.execute(quoting.staged(), 1000)
    flagged = trading.submit(limit_price=Decimal(109), qty=Decimal(2000))
    policy = policy_changes.propose(preset="full", rules={}, reason="more", by=admin, at=at)
    roles = role_changes.propose("alpha_ops", ["auditor"], reason="less", by=admin, at=at)
    halt = halts.engage(
        Target("instrument", "912810TD0", "912810TD0"), reason="r", cancels=False, by=admin, at=at
    )
    with unit.work(by=actors.system("test"), at=at) as work:
        breaks.open(work, kind="late_fill", key="k", evidence={}, at=at, organization_id="alpha")
    account = Account.objects.get(organization_id="alpha", code="ALPHA-002").pk
    listed = listing.draft("mine", kind="watch", cusips=[trading.BOND], by=admin, at=at)
    mandate = listing.agree(account, {"min_rating": "BBB"}, by=admin, at=at)
    return {
        "account_id": account,
        "name": listed.name,
        "mandate_id": str(mandate.pk),
        "order_id": child.order_id,
        "flagged_id": flagged,
        "execution_order_id": child.execution_order_id,
        "rfq_id": rfq.id,
        "quote_id": quote.id,
        "review_id": Review.objects.get(subject=flagged).id,
        "control_id": "price-tolerance",
        "version": str(policy.version),
        "change_id": str(roles.pk),
        "halt_id": halt.id,
        "report_id": "nothing",
        "order_group_id": order_groups.create(
            name="alpha's",
            limit_qty=Decimal(1000),
            window_s=15,
            by=trading.person("alpha_trader"),
            at=at,
        )[0].id,
        "order_list_id": "nothing",
        "break_id": Break.objects.get(key="k").id,
        "account": "ALPHA-002",
        "kind": "csv",
        "step": "assign",
    }
