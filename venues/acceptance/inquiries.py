"""What a venue of dealers must do: quote when asked, trade what was hit, refuse what cannot be."""

from __future__ import annotations

from datetime import timedelta

from oms_site.kit import clock, ids
from venues.acceptance.floor import Floor, Requirement, Trial
from venues.messages import (
    DealerQuote,
    ExecType,
    ExecutionReport,
    QuoteRequest,
    QuoteRequestReject,
    QuoteResponse,
    QuoteRespType,
)


def _request(floor: Floor, security: str) -> QuoteRequest:
    now = clock.now()
    return QuoteRequest(
        quote_req_id=ids.prefixed("rq"),
        security_id=security,
        side="1",
        order_qty=floor.trial.qty,
        dealers=floor.trial.dealers,
        transact_time=now,
        expire_time=now + timedelta(minutes=1),
    )


async def _quoted(floor: Floor) -> DealerQuote:
    asked = _request(floor, floor.trial.plain)
    await floor.say(asked)
    return await floor.wait(
        lambda: next(
            (
                one
                for one in floor.quotes
                if isinstance(one, DealerQuote) and one.quote_req_id == asked.quote_req_id
            ),
            None,
        )
    )


async def _quotes(floor: Floor) -> str:
    quote = await _quoted(floor)
    if quote.dealer not in floor.trial.dealers or quote.px <= 0 or quote.size <= 0:
        return f"a quote of {quote.dealer} at {quote.px} for {quote.size}"
    return "" if quote.valid_until_time > quote.transact_time else "a quote that never was valid"


async def _hit(floor: Floor) -> str:
    quote = await _quoted(floor)
    hit = QuoteResponse(
        cl_ord_id=ids.prefixed("vo"),
        quote_req_id=quote.quote_req_id,
        resp_type=QuoteRespType.HIT,
        security_id=quote.security_id,
        side="1",
        transact_time=clock.now(),
        quote_id=quote.quote_id,
        order_qty=quote.size,
        price=quote.px,
    )
    await floor.say(hit)

    def traded() -> ExecutionReport | None:
        told = floor.of(hit.cl_ord_id)
        ended = (ExecType.TRADE, ExecType.REJECTED)
        return next((one for one in told if one.exec_type in ended), None)

    told = await floor.wait(traded)
    if told.exec_type is ExecType.REJECTED:
        return f"the dealer refused: {told.text}"
    if (told.last_qty, told.last_px) != (quote.size, quote.px):
        return f"hit {quote.size} at {quote.px}, traded {told.last_qty} at {told.last_px}"
    return ""


async def _refused(floor: Floor) -> str:
    asked = _request(floor, floor.trial.unknown)
    await floor.say(asked)
    await floor.wait(
        lambda: [one for one in floor.quotes if isinstance(one, QuoteRequestReject)] or None
    )
    return ""


def _with_dealers(trial: Trial) -> str:
    return "" if trial.dealers else "no dealer is named"


REQUIREMENTS = (
    Requirement("an inquiry is quoted, with a size and an end", _quotes, _with_dealers),
    Requirement("a hit quote trades at its price and size", _hit, _with_dealers),
    Requirement("an inquiry that cannot be is refused", _refused, _with_dealers),
)
