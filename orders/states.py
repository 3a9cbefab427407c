"""The states of orders, execution orders and venue orders, and every legal step, as data.

The models take their transitions from here and the documentation is drawn from here. "Terminal"
restricts our own commands only: an execution that a venue reports is applied in every state.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum


class OrderStatus(StrEnum):
    """An order's status; names of the guide."""

    PENDING_APPROVAL = "pending_approval"
    PENDING_EXECUTION = "pending_execution"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"


class Pending(StrEnum):
    """The pending facet: what we have asked for and nobody has answered yet."""

    NONE = ""
    CANCEL = "cancel"
    REPLACE = "replace"
    EXPIRE = "expire"


class Amending(StrEnum):
    """Where the replacement of an order's terms waits: for a person, or for the venues."""

    NONE = ""
    REVIEW = "review"
    HELD = "held"
    SENT = "sent"


class Contingency(StrEnum):
    """How the orders of a list depend on each other: ContingencyType(1385), and none at all."""

    OCO = "oco"
    OTO = "oto"
    BRACKET = "bracket"
    BASKET = "basket"


class Role(StrEnum):
    """What an order is in its list."""

    LINE = "line"
    PARENT = "parent"
    CHILD = "child"
    LEG = "leg"
    TAKE_PROFIT = "take_profit"
    STOP_LOSS = "stop_loss"


class VenueStatus(StrEnum):
    """A venue order's own state; the FIX OrdStatus(39) is computed from it by precedence."""

    PENDING_NEW = "pending_new"
    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"


O = OrderStatus  # noqa: E741  short, for the tables below only
ORDER_TERMINAL = frozenset({O.FILLED, O.CANCELED, O.REJECTED, O.EXPIRED})
ORDER_OPEN = frozenset({O.PENDING_APPROVAL, O.PENDING_EXECUTION, O.PARTIALLY_FILLED})
ORDER_EXECUTABLE = frozenset({O.PENDING_EXECUTION, O.PARTIALLY_FILLED})
_ANY = frozenset(O)
# A filled order that a bust has reopened, and one that a late share completes, are both real.
ORDER_STEPS: dict[str, tuple[frozenset[str], tuple[str, ...]]] = {
    "approve": (frozenset({O.PENDING_APPROVAL}), (O.PENDING_EXECUTION,)),
    "reject": (frozenset({O.PENDING_APPROVAL}), (O.REJECTED,)),
    "execute": (_ANY, tuple(O)),
    "request_cancel": (ORDER_EXECUTABLE, (O.PENDING_EXECUTION, O.PARTIALLY_FILLED)),
    "refuse_cancel": (_ANY, tuple(O)),
    "cancel": (ORDER_OPEN, (O.CANCELED,)),
    "expire": (ORDER_OPEN, (O.EXPIRED,)),
    "request_replace": (ORDER_EXECUTABLE, (O.PENDING_EXECUTION, O.PARTIALLY_FILLED)),
    "refuse_replace": (_ANY, tuple(O)),
    "replace": (_ANY, tuple(O)),
}
EXECUTION_STEPS: dict[str, tuple[frozenset[str], tuple[str, ...]]] = {
    "execute": (_ANY - {O.PENDING_APPROVAL}, tuple(_ANY - {O.PENDING_APPROVAL})),
    "request_cancel": (ORDER_EXECUTABLE, (O.PENDING_EXECUTION, O.PARTIALLY_FILLED)),
    "refuse_cancel": (_ANY - {O.PENDING_APPROVAL}, tuple(_ANY - {O.PENDING_APPROVAL})),
    "cancel": (ORDER_EXECUTABLE, (O.CANCELED,)),
    "reject": (ORDER_EXECUTABLE, (O.REJECTED,)),
    "expire": (ORDER_EXECUTABLE, (O.EXPIRED,)),
    "request_replace": (ORDER_EXECUTABLE, (O.PENDING_EXECUTION, O.PARTIALLY_FILLED)),
    "refuse_replace": (_ANY - {O.PENDING_APPROVAL}, tuple(_ANY - {O.PENDING_APPROVAL})),
    "replace": (_ANY - {O.PENDING_APPROVAL}, tuple(_ANY - {O.PENDING_APPROVAL})),
}
V = VenueStatus
VENUE_TERMINAL = frozenset({V.FILLED, V.CANCELED, V.REJECTED, V.EXPIRED})
_LIVE = frozenset({V.PENDING_NEW, V.NEW, V.PARTIALLY_FILLED})
VENUE_STEPS: dict[str, tuple[frozenset[str], tuple[str, ...]]] = {
    "acknowledge": (frozenset(V), tuple(V)),
    "execute": (frozenset(V), tuple(V)),
    "request_cancel": (_LIVE, tuple(_LIVE)),
    "refuse_cancel": (frozenset(V), tuple(V)),
    "cancel": (_LIVE, (V.CANCELED,)),
    "reject": (_LIVE, (V.REJECTED,)),
    "expire": (_LIVE, (V.EXPIRED,)),
    "request_replace": (_LIVE, tuple(_LIVE)),
    "refuse_replace": (frozenset(V), tuple(V)),
    "replace": (frozenset(V), tuple(V)),
}


class ReplaceStatus(StrEnum):
    """How far a request to change an order's terms has come; a leg of it knows no review."""

    PENDING = "pending"
    REVIEW = "review"
    REPLACED = "replaced"
    REJECTED = "rejected"


P = ReplaceStatus
# A venue's word that it did replace comes before any conclusion of ours that it did not.
REPLACEMENT_STEPS: dict[str, tuple[frozenset[str], str]] = {
    "replacement_flag": (frozenset({P.PENDING}), P.REVIEW),
    "replacement_release": (frozenset({P.REVIEW}), P.PENDING),
    "replacement_accept": (frozenset({P.PENDING, P.REVIEW, P.REJECTED}), P.REPLACED),
    "replacement_reject": (frozenset({P.PENDING, P.REVIEW}), P.REJECTED),
}
REPLACE_LEG_STEPS: dict[str, tuple[frozenset[str], str]] = {
    "replaceleg_accept": (frozenset({P.PENDING, P.REJECTED}), P.REPLACED),
    "replaceleg_reject": (frozenset({P.PENDING}), P.REJECTED),
}


class RfqStatus(StrEnum):
    """An inquiry's status: `executing` is a hit that waits for its dealer's execution report."""

    SENT = "sent"
    QUOTING = "quoting"
    EXECUTING = "executing"
    EXECUTED = "executed"
    EXPIRED = "expired"
    CANCELED = "canceled"
    REJECTED = "rejected"
    NO_QUOTES = "no_quotes"


class QuoteState(StrEnum):
    """A quote's status; the last three say how a losing one compared with the winner."""

    ACTIVE = "active"
    HIT = "hit"
    DONE = "done"
    REJECTED = "rejected"
    PASSED = "passed"
    COUNTERED = "countered"
    REPLACED = "replaced"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    CANCELED = "canceled"
    COVER = "cover"
    TIED = "tied"
    DONE_AWAY = "done_away"


R, Q = RfqStatus, QuoteState
RFQ_OPEN = frozenset({R.SENT, R.QUOTING, R.EXECUTING})
_ASKING = frozenset({R.SENT, R.QUOTING})
RFQ_STEPS: dict[str, tuple[frozenset[str], str]] = {
    "rfq_open": (frozenset({R.SENT}), R.QUOTING),
    "rfq_hit": (frozenset({R.QUOTING}), R.EXECUTING),
    "rfq_resume": (frozenset({R.EXECUTING}), R.QUOTING),
    "rfq_fill": (frozenset({R.EXECUTING}), R.EXECUTED),
    "rfq_expire": (_ASKING, R.EXPIRED),
    "rfq_cancel": (_ASKING, R.CANCELED),
    "rfq_reject": (_ASKING, R.REJECTED),
    "rfq_dry": (_ASKING, R.NO_QUOTES),
}
QUOTE_OPEN = frozenset({Q.ACTIVE, Q.COUNTERED})
QUOTE_STEPS: dict[str, tuple[frozenset[str], str]] = {
    "quote_hit": (frozenset({Q.ACTIVE}), Q.HIT),
    "quote_fill": (frozenset({Q.HIT}), Q.DONE),
    "quote_refuse": (frozenset({Q.HIT}), Q.REJECTED),
    "quote_counter": (frozenset({Q.ACTIVE}), Q.COUNTERED),
    "quote_replace": (QUOTE_OPEN, Q.REPLACED),
    "quote_withdraw": (QUOTE_OPEN, Q.WITHDRAWN),
    "quote_expire": (QUOTE_OPEN, Q.EXPIRED),
    "quote_cancel": (QUOTE_OPEN, Q.CANCELED),
    "quote_cover": (QUOTE_OPEN, Q.COVER),
    "quote_tie": (QUOTE_OPEN, Q.TIED),
    "quote_lose": (QUOTE_OPEN, Q.DONE_AWAY),
}


class RoundState(StrEnum):
    """A round of negotiation: asked, and how the dealer's answer compares with what was asked."""

    ASKED = "asked"
    ACCEPTED = "accepted"
    IMPROVED = "improved"
    HELD = "held"
    WORSENED = "worsened"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


T = RoundState
_ASKED = frozenset({T.ASKED})
ROUND_STEPS: dict[str, tuple[frozenset[str], str]] = {
    "round_accept": (_ASKED, T.ACCEPTED),
    "round_improve": (_ASKED, T.IMPROVED),
    "round_hold": (_ASKED, T.HELD),
    "round_worsen": (_ASKED, T.WORSENED),
    "round_withdraw": (_ASKED, T.WITHDRAWN),
    "round_lapse": (_ASKED, T.LAPSED),
}
# OrdStatus(39) of an order, by FIX's precedence: a pending cancel outranks everything.
FIX_ORD_STATUS: dict[str, str] = {
    O.PENDING_APPROVAL: "A",
    O.PENDING_EXECUTION: "0",
    O.PARTIALLY_FILLED: "1",
    O.FILLED: "2",
    O.CANCELED: "4",
    O.REJECTED: "8",
    O.EXPIRED: "C",
}


def fix_ord_status(status: str, pending: str) -> str:
    """OrdStatus(39) as FIX computes it: pending cancel, pending replace, then the state."""
    if pending in (Pending.CANCEL, Pending.EXPIRE):
        return "6"
    return "E" if pending == Pending.REPLACE else FIX_ORD_STATUS[status]


# These note or drop a pending request; the state stays what it was.
FACET_STEPS = frozenset({"request_cancel", "refuse_cancel", "request_replace", "refuse_replace"})


def moved_to(step: str, source: str, targets: Sequence[str]) -> tuple[str, ...]:
    """The states that a step may lead to from one of its sources.

    Shares that move what has ended leave it ended, except while it is complete; an acknowledgment
    moves only what no report has moved before.
    """
    if step == "acknowledge":
        return (V.NEW.value,) if source == V.PENDING_NEW else (source,)
    if step not in {"execute", "replace"}:
        return tuple(str(target) for target in targets)
    if source == O.PENDING_APPROVAL and step == "replace":
        return (source,)
    if source == V.PENDING_NEW and step == "replace":
        # Whoever replaces it has it.
        return (V.NEW.value, V.FILLED.value)
    if source in {O.CANCELED, O.REJECTED, O.EXPIRED}:
        return (source, O.FILLED.value)
    unfilled = V.NEW.value if V.NEW in targets else O.PENDING_EXECUTION.value
    back = (unfilled, O.PARTIALLY_FILLED.value, O.FILLED.value)
    # A bust takes a completed one back to what it was, ended or not.
    ended = (O.CANCELED.value, O.REJECTED.value, O.EXPIRED.value)
    return (*back, *ended) if source == O.FILLED else back
