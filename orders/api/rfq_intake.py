"""Reads the bodies of requests for quotes, strictly, with every fault at once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from oms_site.api.shape import Reader
from orders.api import intake
from orders.render import tidy
from orders.requests import AutoEx, QuoteHit
from orders.rfq.asking import RfqAsk
from orders.rfq.criteria import FALLBACKS, Criteria

MOST_LINES = 50
_ASK_FIELDS = frozenset(
    ["amount", "bidding", "client_rfq_id", "dealers", "due_time", "expire_time", "order_id"]
)
_AUTO_FIELDS = (
    intake.EXECUTION_FIELDS
    | {"bidding", "dealers", "due_time", "execution_criteria", "exit_criteria", "skip_lob_quotes"}
) - {"venue_id"}
_HIT_FIELDS = (intake.EXECUTION_FIELDS | {"quote_id"}) - {"venue_id"}
_RUN_FIELDS = frozenset(
    ["best_n", "max_spread_to_reference_bps", "min_dealers", "min_quotes", "min_wait_s"]
)
BIDDINGS = ("asap", "bin")


def ask(value: Any) -> tuple[str, RfqAsk]:
    """One request for quotes. Returns the amount's type, empty when none is given."""
    body = Reader(value)
    made = _ask(body)
    body.finish()
    return made


def asks(value: Any) -> list[tuple[str, RfqAsk]]:
    """A list of requests, each about an order of its own or of the others."""
    body = Reader(value)
    body.refuse_unknown({"rfqs"})
    made = [_ask(part) for part in body.objects("rfqs", most=MOST_LINES)]
    if not made:
        body.fault("rfqs", "required", "Give at least one request.")
    body.finish()
    return made


def automatic_lines(value: Any) -> list[tuple[str, str, AutoEx]]:
    """A batch of AutoEx requests: order id, amount's type and instruction of each."""
    body = Reader(value)
    body.refuse_unknown({"rfqs"})
    made = []
    for part in body.objects("rfqs", most=MOST_LINES):
        order_id = part.text("order_id", required=True) or ""
        made.append((order_id, *_automatic(part, {"order_id"})))
    if not made:
        body.fault("rfqs", "required", "Give at least one request.")
    body.finish()
    return made


def automatic(value: Any) -> tuple[str, AutoEx]:
    """The body of `rfq/autoex`."""
    body = Reader(value)
    made = _automatic(body, set())
    body.finish()
    return made


def hit(value: Any) -> tuple[str, QuoteHit]:
    """The body of `rfq/manual`: which quote to hit, for how much."""
    body = Reader(value)
    body.refuse_unknown(_HIT_FIELDS)
    kind, qty = _amount(body)
    price = body.decimal("limit_price")
    made = QuoteHit(
        protocol="rfq",
        strategy="manual",
        qty=qty,
        quote_id=body.text("quote_id", required=True) or "",
        **_common(body, price),
    )
    body.finish()
    return kind, made


def price(value: Any) -> Decimal:
    """The body of a counter."""
    body = Reader(value)
    body.refuse_unknown({"price"})
    asked = body.decimal("price", required=True)
    body.finish()
    return asked or Decimal(1)


def _ask(body: Reader) -> tuple[str, RfqAsk]:
    body.refuse_unknown(_ASK_FIELDS)
    kind, qty = _amount(body) if body.value.get("amount") is not None else ("", None)
    return kind, RfqAsk(
        order_id=body.text("order_id", required=True) or "",
        qty=qty,
        dealers=_names(body),
        bidding=body.choice("bidding", BIDDINGS, default="asap"),
        due_time=intake.moment(body, "due_time"),
        expire_time=intake.moment(body, "expire_time"),
        client_rfq_id=body.text("client_rfq_id"),
    )


def _automatic(body: Reader, more: set[str]) -> tuple[str, AutoEx]:
    body.refuse_unknown(_AUTO_FIELDS | more)
    kind, qty = _amount(body)
    price = body.decimal("limit_price")
    return kind, AutoEx(
        protocol="rfq",
        strategy="auto_ex",
        qty=qty,
        dealers=_names(body),
        bidding=body.choice("bidding", BIDDINGS, default="asap"),
        due_time=intake.moment(body, "due_time"),
        criteria=_criteria(body).stored(),
        **_common(body, price),
    )


def _common(body: Reader, price: Decimal | None) -> dict[str, Any]:
    return {
        "limit_price": None if price is None else tidy(price),
        "all_or_none": body.flag("all_or_none"),
        "suppress_pmp_check": body.flag("suppress_pmp_check"),
        "client_execution_order_id": body.text("client_execution_order_id"),
        "fees": intake.fees_of(body),
        "annotation": body.text("annotation", longest=2000) or "",
    }


def _amount(body: Reader) -> tuple[str, Decimal]:
    return intake.amount(body, "quantity" if "quantity" in body.value else "amount")


def _criteria(body: Reader) -> Criteria:
    usual = Criteria()
    run, leave = body.object("execution_criteria"), body.object("exit_criteria")
    if run is not None:
        run.refuse_unknown(_RUN_FIELDS)
    if leave is not None:
        leave.refuse_unknown({"max_duration_s", "fallback"})
    spread = None if run is None else run.decimal("max_spread_to_reference_bps")
    return Criteria(
        min_quotes=_whole(run, "min_quotes", usual.min_quotes, least=1, most=50),
        min_dealers=_whole(run, "min_dealers", usual.min_dealers, least=0, most=50),
        max_spread_to_reference_bps=spread,
        min_wait_s=_whole(run, "min_wait_s", usual.min_wait_s, least=0, most=3600),
        best_n=_whole(run, "best_n", usual.best_n, least=1, most=50),
        max_duration_s=_whole(leave, "max_duration_s", usual.max_duration_s, least=1, most=28_800),
        fallback="stage" if leave is None else leave.choice("fallback", FALLBACKS, default="stage"),
        skip_lob_quotes=body.flag("skip_lob_quotes"),
    )


def _whole(part: Reader | None, name: str, usual: int, *, least: int, most: int) -> int:
    if part is None or part.value.get(name) is None:
        return usual
    value = part.decimal(name, positive=False, places=0)
    if value is not None and not least <= value <= most:
        part.fault(name, "out_of_range", f"Give a whole number from {least} to {most}.")
        return usual
    return usual if value is None else int(value)


def _names(body: Reader) -> tuple[str, ...]:
    given = body.value.get("dealers")
    if given is None:
        return ()
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        body.fault("dealers", "invalid_dealers", "Give a list of dealer ids.")
        return ()
    return tuple(dict.fromkeys(given))
