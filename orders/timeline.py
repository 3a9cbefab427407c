"""An order's history from the journal, as sentences: every event once, oldest first."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import F

from oms_site.journal.models import Event
from orders import figures

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Entry:
    """One event: when, what in words, by whom; `tone` is ok, warn, bad or empty."""

    at: datetime
    event_type: str
    event_id: str
    words: str
    actor: str
    internal: bool
    tone: str


def of_order(order_id: str) -> list[Entry]:
    """Every event of an order and of what hangs below it."""
    own = Event.objects.filter(subject=order_id)
    # Two indexed reads: the index of descendants leaves the order's own events out.
    below = Event.objects.filter(order_id=order_id).exclude(order_id=F("subject"))
    below = below.exclude(order_id="")  # as that index says it, or it is not used
    events = sorted([*own, *below], key=lambda event: event.pk)
    return [_entry(event) for event in events]


def _entry(event: Event) -> Entry:
    body = json.loads(event.body, parse_float=Decimal).get("event", {})
    say = _WORDS.get(event.event_type)
    plain = event.event_type.replace("_", " ")
    return Entry(
        at=event.at,
        event_type=event.event_type,
        event_id=event.event_id,
        words=say(body) if say else plain + _because(body),
        actor=event.actor,
        internal=event.msg_type == "internal",
        tone=_TONES.get(event.event_type, ""),
    )


def _because(body: Body) -> str:
    reason = str(body.get("reason") or body.get("text") or "")
    # Codes such as end_of_day read as words; sentences stay as they are.
    return f": {reason if ' ' in reason else reason.replace('_', ' ')}" if reason else ""


def _failed(body: Body) -> str:
    names = [str(c.get("control_id", "")) for c in body.get("failed_controls") or ()]
    return ", ".join(filter(None, names))


def _number(part: Any) -> str:
    value = part.get("value") if isinstance(part, dict) else part
    return figures.qty(Decimal(str(value))) if value is not None else ""


def _price(part: Any) -> str:
    value = part.get("pop") if isinstance(part, dict) else part
    return figures.decimal(Decimal(str(value)), places=3) if value is not None else ""


def _execution(body: Body) -> str:
    what = {"bust": "bust of", "correction": "corrected to"}.get(str(body.get("kind")), "filled")
    marks = "".join(f" ({mark})" for mark in ("late", "overfill") if body.get(mark))
    where = f" at {body['venue']}" if body.get("venue") else ""
    return f"{what} {_number(body.get('amount'))} @ {_price(body.get('price'))}{where}{marks}"


def _created(body: Body) -> str:
    made = body.get("execution_order") or {}
    how = " · ".join(str(made[k]) for k in ("protocol", "strategy") if made.get(k))
    return f"execution order for {_number(made.get('amount'))}, {how.replace('_', ' ')}"


def _approved(body: Body) -> str:
    by_hand = "manual_approve_id" in body
    return _noted("released in review")(body) if by_hand else "passed its controls"


def _allocated(body: Body) -> str:
    shares = body.get("account_allocations") or ()
    got = ", ".join(f"{s.get('account_id')} {_number(s.get('actual_amount'))}" for s in shares[:3])
    rest = f" and {len(shares) - 3} more" if len(shares) > 3 else ""
    return f"fills split: {got}{rest}" if got else "fills split over their accounts"


def _to_book(body: Body) -> str:
    return f"{len(body.get('bookings') or ())} to book at {body.get('custodian_id')}"


def _booked(body: Body) -> str:
    return f"booked at {body.get('custodian_id')} as {body.get('booking_ref')}"


def _noted(verb: str) -> Callable[[Body], str]:
    def say(body: Body) -> str:
        note = body.get("annotation")
        return f"{verb}: “{note}”" if note else verb

    return say


def _at_venue(verb: str) -> Callable[[Body], str]:
    return lambda body: f"{body.get('venue_id') or 'venue'} {verb}{_because(body)}"


def _quote(body: Body) -> str:
    made = body.get("quote") or {}
    return f"{made.get('dealer')} {_price(made.get('price'))}"


def _with_reason(verb: str) -> Callable[[Body], str]:
    return lambda body: verb + _because(body)


def _let_go(body: Body) -> str:
    """What its list allows it from now on."""
    qty = figures.figure((body.get("released_amount") or {}).get("value"))
    watch = ", and it watches for its stop price" if body.get("armed") else ""
    return f"its list lets {qty} of it go to market{watch}"


_WORDS: dict[str, Callable[[Body], str]] = {
    "request": _with_reason("order received"),
    "approve": _approved,
    "flagged_for_review": lambda body: f"held for review: {_failed(body)}",
    "reject": _with_reason("rejected"),
    "manual_approve_request": _noted("approval asked for"),
    "manual_approve_fail": lambda b: f"approval refused: {b.get('message') or b.get('reason')}",
    "manual_reject_request": _noted("rejection asked for"),
    "manual_reject_fail": lambda b: f"rejection refused: {b.get('message') or b.get('reason')}",
    "review_approval": _noted("approved; another person is needed"),
    "review_claim": lambda body: f"review claimed by {body.get('claimed_by')}",
    "review_unclaim": lambda _: "review given back",
    "override_request": _with_reason("override asked for"),
    "override_grant": _with_reason("override granted, the same order passes once"),
    "override_refuse": _with_reason("override refused"),
    "override_use": lambda body: f"override used by {body.get('used_by')}",
    "stage": lambda body: str(body.get("reason") or "staged"),
    "trail": lambda body: f"its stop follows the market to {body.get('trigger_price')}",
    "contingent_release": _let_go,
    "execution_order_request": _with_reason("execution order asked for"),
    "execution_order_create": _created,
    "execution_order_reject": _with_reason("execution order refused"),
    "execution_order_cancel": lambda b: (
        f"execution order {b.get('status') or 'ended'}{_because(b)}"
    ),
    "execution_order_cancel_request": _with_reason("cancel of an execution order asked for"),
    "execution_order_cancel_reject": _with_reason("cancel of an execution order refused"),
    "execution": _execution,
    "cancel_request": _with_reason("cancel asked for"),
    "cancel_reject": _with_reason("cancel refused"),
    "cancel": _with_reason("canceled"),
    "expire": _with_reason("expired"),
    "expire_request": _with_reason("session over, stopping at the venues"),
    "allocation_create": _with_reason("allocation made"),
    "allocation_calculate": _allocated,
    "allocation_complete": _with_reason("allocation complete"),
    "allocation_submit": _to_book,
    "allocation_approve": _with_reason("allocation booked in full"),
    "allocation_fail": _with_reason("allocation failed"),
    "allocation_reject": _with_reason("booking refused"),
    "leg_sent": lambda body: f"booking sent to {body.get('custodian_id')}",
    "leg_booked": _booked,
    "venue_acknowledge": _at_venue("acknowledged"),
    "venue_cancel_request": _with_reason("cancel sent to the venues"),
    "venue_cancel_reject": _at_venue("refused to cancel"),
    "venue_in_doubt": _at_venue("in doubt"),
    "replace_wait": _with_reason("amendment waits"),
    "schedule_start": lambda b: (
        f"schedule started: {len(b.get('slices') or ())} slices by "
        f"{str((b.get('schedule') or {}).get('strategy')).replace('_', ' ')}"
    ),
    "schedule_reject": _with_reason("schedule refused"),
    "schedule_slice_send": lambda b: (
        f"slice {b.get('slice')} sent: {_number(b.get('sent_amount'))}"
    ),
    "schedule_slice_skip": lambda b: f"slice {b.get('slice')} skipped{_because(b)}",
    "schedule_slice_refuse": lambda b: f"slice {b.get('slice')} refused{_because(b)}",
    "schedule_slice_end": lambda b: f"slice {b.get('slice')} {b.get('status')}{_because(b)}",
    "schedule_pause": _with_reason("schedule paused"),
    "schedule_resume": _with_reason("schedule resumed"),
    "schedule_end": lambda b: f"schedule {b.get('status')}{_because(b)}",
    "replace_request": lambda b: "amendment asked for",
    "replace_cleared": lambda b: "amendment passed its controls",
    "replace": lambda b: "amended",
    "clearing_generate": lambda b: "clearing report made",
    "clearing_sent": lambda b: "clearing report sent",
    "clearing_accept": lambda b: "clearing report taken",
    "confirm_generate": lambda b: "confirmation made",
    "confirm_sent": lambda b: "confirmation sent",
    "confirm_received": lambda b: "confirmation received by the other side",
    "confirm_answer": lambda b: "the other side has answered",
    "confirm_match": lambda b: "both sides agree",
    "confirm_affirm": lambda b: "trade affirmed",
    "settlement_sent": lambda b: "settlement instructed",
    "settlement_accept": lambda b: "settlement instruction taken",
    "rfq_request": lambda b: "quotes asked for",
    "rfq_acknowledge": lambda b: "inquiry taken by the venue",
    "rfq_reject": _with_reason("inquiry refused"),
    "rfq_cancel_request": lambda b: "cancel of an inquiry asked for",
    "rfq_cancel_reject": _with_reason("cancel of an inquiry refused"),
    "rfq_quote_expire": lambda b: f"{len(b.get('quotes') or ())} quotes expired",
    "rfq_create": lambda b: f"{len((b.get('rfq') or {}).get('dealers') or ())} dealers asked",
    "rfq_quote": lambda b: f"{_quote(b)}{' (moved)' if b.get('replaces') else ''}",
    "rfq_pass": lambda b: f"{(b.get('quote') or {}).get('dealer')} passes",
    "rfq_quote_withdraw": lambda b: f"{_quote(b)} withdrawn",
    "rfq_quote_counter": lambda b: f"{_quote(b)} countered at {_price(b.get('counter_price'))}",
    "rfq_quote_hit": lambda b: f"{_quote(b)} hit, the dealer decides",
    "rfq_quote_reject": lambda b: f"{_quote(b)} refused{_because(b)}",
    "rfq_execute": lambda b: f"{_quote(b)} done, {len(b.get('losers') or ())} other quotes kept",
    "rfq_evaluate": _with_reason("criteria not met"),
    "rfq_no_quotes": _with_reason("no quotes"),
    "rfq_cancel": _with_reason("inquiry canceled"),
    "rfq_expire": _with_reason("inquiry expired"),
    "rfq_refuse": _with_reason("inquiry refused"),
}
_TONES = {
    "execution": "ok",
    "rfq_execute": "ok",
    "schedule_reject": "bad",
    "schedule_slice_refuse": "bad",
    "schedule_pause": "warn",
    "rfq_quote_reject": "bad",
    "rfq_reject": "bad",
    "approve": "ok",
    "allocation_approve": "ok",
    "flagged_for_review": "warn",
    "cancel_request": "warn",
    "venue_in_doubt": "warn",
    "break_open": "bad",
    "reject": "bad",
    "cancel_reject": "bad",
    "execution_order_reject": "bad",
    "allocation_fail": "bad",
    "allocation_reject": "bad",
    "manual_approve_fail": "bad",
    "manual_reject_fail": "bad",
}
