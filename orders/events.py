"""Every type of event that the journal may hold, as data: what it means and what its body carries.

The rooms of every floor record these and no others; the documentation is written from here and the
architecture tests hold the table against the code. `moves` names the state steps an event states.
"""

from __future__ import annotations

from typing import NamedTuple

from oms_site.journal.models import MsgType


class Kind(NamedTuple):
    """One event type. `fields` are those of the wire's `event` object besides type and time."""

    name: str
    msg_type: MsgType
    subject: str
    meaning: str
    fields: tuple[str, ...]
    moves: tuple[str, ...] = ()


_WIRE, _SYSTEM, _AUDIT = MsgType.ORDER_UPDATE, MsgType.SYSTEM_UPDATE, MsgType.INTERNAL
_ORDER = ("order_id", "client_order_id")
_EXECUTION_ORDER = (*_ORDER, "execution_order_id", "client_execution_order_id")
_APPROVAL = (*_ORDER, "manual_approve_id", "client_manual_approve_id", "annotation")
_REFUSAL = (*_ORDER, "manual_reject_id", "client_manual_reject_id", "annotation")
_REPORT = (*_EXECUTION_ORDER, "external_trade_report_id", "client_external_trade_report_id")
_VENUE = (*_EXECUTION_ORDER, "cl_ord_id", "venue_id", "venue_order_id", "text")
_ALLOCATION = ("order_id", "allocation_id", "client_allocation_id")
_REPAIR = (*_ALLOCATION, "repair_id", "booking_id", "custodian_id", "account_id")
_LEG = (*_ALLOCATION, "booking_id", "account_allocation_id", "custodian_id")
_WHY = ("code", "reason")
_MONEY = ("principal", "accrued_interest", "fees", "net_money", "trade_date", "settlement_date")
_FILL = (
    *("execution_id", "venue_execution_id", "execution_ref_id", "kind", "venue", "amount", "price"),
    *_MONEY,
    *("executed_at", "late", "overfill"),
)

_ORDERS = (
    Kind("request", _WIRE, "order", "The order was received and stored.", _ORDER),
    Kind(
        "approve",
        _WIRE,
        "order",
        "It passed its controls, or a second person released it.",
        (*_APPROVAL, "warnings"),
        ("Order.approve", "Review.approve"),
    ),
    Kind(
        "reject",
        _WIRE,
        "order",
        "A control or a reviewer refused it; no venue ever saw it.",
        (*_REFUSAL, *_WHY, "rejected_by", "failed_controls", "warnings"),
        ("Order.reject", "Review.reject"),
    ),
    Kind(
        "flagged_for_review",
        _WIRE,
        "order",
        "Controls flagged it; it waits for a second person.",
        (*_ORDER, "review_id", "failed_controls", "warnings"),
    ),
    Kind("manual_approve_request", _SYSTEM, "order", "Somebody asked to release it.", _APPROVAL),
    Kind(
        "manual_approve_fail",
        _SYSTEM,
        "order",
        "The release was refused; `reason` is the code, `message` the sentence.",
        (*_APPROVAL, "reason", "message", "failed_controls"),
    ),
    Kind(
        "review_approval",
        _AUDIT,
        "order",
        "One of several persons who are needed has approved it.",
        (*_APPROVAL, "review_id", "approvals", "approvals_required"),
    ),
    Kind(
        "review_claim",
        _AUDIT,
        "review",
        "Somebody says that they look into it.",
        ("order_id", "review_id", "claimed_by", "claimed_until"),
    ),
    Kind(
        "review_unclaim",
        _AUDIT,
        "review",
        "They gave it back.",
        ("order_id", "review_id", "claimed_by", "claimed_until"),
    ),
    Kind("manual_reject_request", _SYSTEM, "order", "Somebody asked to refuse it.", _REFUSAL),
    Kind(
        "manual_reject_fail",
        _SYSTEM,
        "order",
        "The refusal was refused; `reason` is the code, `message` the sentence.",
        (*_REFUSAL, "reason", "message"),
    ),
    Kind("stage", _AUDIT, "order", "Due to be routed, it was staged instead.", (*_ORDER, "reason")),
    Kind(
        "cancel_request",
        _SYSTEM,
        "order",
        "Somebody asked it to stop; what is at venues is still theirs to say.",
        (*_ORDER, "cancel_request_id"),
        ("Order.request_cancel",),
    ),
    Kind(
        "cancel_reject",
        _SYSTEM,
        "order",
        "Too late, pending already, or refused by the venue: `code` is CxlRejReason(102).",
        (*_ORDER, "cancel_request_id", *_WHY),
        ("Order.refuse_cancel", "ExecutionOrder.refuse_cancel"),
    ),
    Kind(
        "cancel",
        _WIRE,
        "order",
        "Nothing of it is left working; what was filled stays filled.",
        (*_ORDER, "cancel_request_id", "reason"),
        ("Order.cancel", "Review.withdraw"),
    ),
    Kind(
        "expire_request",
        _AUDIT,
        "order",
        "Its session is over; venues are asked to stop before it expires.",
        _ORDER,
        ("Order.request_cancel",),
    ),
    Kind(
        "trigger",
        _WIRE,
        "order",
        "The market has come to its stop price; it is an ordinary order from now on.",
        (*_ORDER, "stop_price", "bid", "ask", "source", "quoted_at", "late_trigger"),
    ),
    Kind(
        "carry_over",
        _AUDIT,
        "order",
        "The session is over and it lives on; it is routed again at `route_at`, or staged.",
        (*_ORDER, "route_at"),
    ),
    Kind(
        "expire",
        _WIRE,
        "order",
        "Its session is over and nothing is left working.",
        (*_ORDER, "reason"),
        ("Order.expire", "Review.expire"),
    ),
    Kind(
        "execution",
        _WIRE,
        "order",
        "Shares moved: a trade, a bust (negative) or a correction, with its money in cents.",
        (*_REPORT, *_FILL),
        ("Order.execute", "ExecutionOrder.execute", "VenueOrder.execute"),
    ),
)
_EXECUTION_ORDERS = (
    Kind(
        "execution_order_request",
        _SYSTEM,
        "order",
        "Somebody asked for an execution order.",
        (*_EXECUTION_ORDER, "protocol", "strategy"),
    ),
    Kind(
        "execution_order_reject",
        _SYSTEM,
        "order",
        "The execution order may not be; none was made.",
        (*_EXECUTION_ORDER, *_WHY),
    ),
    Kind(
        "execution_order_create",
        _WIRE,
        "order",
        "An execution order was made, with its venue orders and why they went where.",
        (*_EXECUTION_ORDER, "execution_order", "routing", "venue_orders"),
    ),
    Kind(
        "execution_order_cancel_request",
        _SYSTEM,
        "order",
        "Somebody asked one execution order to stop.",
        (*_EXECUTION_ORDER, "cancel_request_id"),
    ),
    Kind(
        "execution_order_cancel_reject",
        _SYSTEM,
        "order",
        "Too late, pending already, or refused by the venue: `code` is CxlRejReason(102).",
        (*_EXECUTION_ORDER, "cancel_request_id", *_WHY),
        ("ExecutionOrder.refuse_cancel",),
    ),
    Kind(
        "execution_order_cancel",
        _WIRE,
        "order",
        "An execution order ended unfilled or in part; `status` says how.",
        (*_EXECUTION_ORDER, "status", "reason"),
        (
            "ExecutionOrder.cancel",
            "ExecutionOrder.reject",
            "ExecutionOrder.expire",
            "VenueOrder.cancel",
            "VenueOrder.reject",
            "VenueOrder.expire",
        ),
    ),
    Kind(
        "external_trade_report_request",
        _SYSTEM,
        "order",
        "Somebody reported a trade made elsewhere; an `execution` follows if it is taken.",
        _REPORT,
    ),
    Kind(
        "external_trade_report_reject",
        _SYSTEM,
        "order",
        "The reported trade does not fit its execution order.",
        (*_REPORT, *_WHY),
    ),
)
_VENUE_ORDERS = (
    Kind(
        "venue_cancel_request",
        _AUDIT,
        "order",
        "Venues were asked to cancel; `pending` says for what.",
        (*_EXECUTION_ORDER, "pending"),
        ("ExecutionOrder.request_cancel", "VenueOrder.request_cancel"),
    ),
    Kind(
        "venue_acknowledge",
        _AUDIT,
        "venue order",
        "The venue has it.",
        _VENUE,
        ("VenueOrder.acknowledge",),
    ),
    Kind(
        "venue_cancel",
        _AUDIT,
        "venue order",
        "The venue canceled it; its execution order is worked elsewhere or over.",
        _VENUE,
        ("VenueOrder.cancel",),
    ),
    Kind(
        "venue_reject",
        _AUDIT,
        "venue order",
        "The venue refused it; its execution order is worked elsewhere or over.",
        _VENUE,
        ("VenueOrder.reject",),
    ),
    Kind(
        "venue_expire",
        _AUDIT,
        "venue order",
        "The venue let it expire; its execution order is worked elsewhere or over.",
        _VENUE,
        ("VenueOrder.expire",),
    ),
    Kind(
        "venue_cancel_reject",
        _AUDIT,
        "venue order",
        "The venue would not cancel it.",
        _VENUE,
        ("VenueOrder.refuse_cancel",),
    ),
    Kind(
        "venue_in_doubt",
        _AUDIT,
        "venue order",
        "The venue's tally and ours differ: ours stays, the venue is asked.",
        _VENUE,
    ),
)
_RFQ = ("order_id", "rfq_id", "client_rfq_id", "execution_order_id")
_INQUIRIES = (
    Kind("rfq_request", _SYSTEM, "order", "Somebody asked for quotes.", (*_ORDER, *_RFQ[1:])),
    Kind(
        "rfq_reject",
        _SYSTEM,
        "order",
        "The inquiry may not be; none was made.",
        (*_ORDER, *_RFQ[1:], *_WHY),
    ),
    Kind("rfq_create", _WIRE, "inquiry", "Dealers are asked for quotes.", (*_RFQ, "rfq")),
    Kind("rfq_acknowledge", _AUDIT, "inquiry", "The venue has the inquiry.", _RFQ, ("Rfq.open",)),
    Kind(
        "rfq_quote",
        _WIRE,
        "inquiry",
        "A dealer has made a price, or another one.",
        (*_RFQ, "quote", "replaces"),
        ("Rfq.open", "Quote.replace"),
    ),
    Kind("rfq_pass", _WIRE, "inquiry", "A dealer makes no price.", (*_RFQ, "quote"), ("Rfq.open",)),
    Kind(
        "rfq_quote_withdraw",
        _WIRE,
        "inquiry",
        "A dealer took its quote back.",
        (*_RFQ, "quote", "reason"),
        ("Quote.withdraw",),
    ),
    Kind(
        "rfq_quote_expire",
        _WIRE,
        "inquiry",
        "ValidUntilTime(62) of quotes has passed.",
        (*_RFQ, "quotes"),
        ("Quote.expire",),
    ),
    Kind(
        "rfq_quote_counter",
        _WIRE,
        "inquiry",
        "We asked a dealer for a better price.",
        (*_RFQ, "quote", "counter_price"),
        ("Quote.counter",),
    ),
    Kind(
        "rfq_quote_hit",
        _WIRE,
        "inquiry",
        "A quote was hit; nothing has traded before its dealer's execution report.",
        (*_RFQ, "quote", "cl_ord_id", "seen"),
        ("Rfq.hit", "Quote.hit"),
    ),
    Kind(
        "rfq_quote_reject",
        _WIRE,
        "inquiry",
        "The dealer refused the hit (last look); the other quotes stand.",
        (*_RFQ, "quote", "reason"),
        ("Rfq.resume", "Quote.refuse"),
    ),
    Kind(
        "rfq_evaluate",
        _AUDIT,
        "inquiry",
        "The criteria were looked at and no quote was hit: what was seen and why.",
        (*_RFQ, "reason", "seen"),
    ),
    Kind(
        "rfq_execute",
        _WIRE,
        "inquiry",
        "A dealer traded; the losing quotes are ranked.",
        (*_RFQ, "quote", "losers", "silent"),
        ("Rfq.fill", "Quote.fill", "Quote.cover", "Quote.tie", "Quote.lose"),
    ),
    Kind(
        "rfq_expire",
        _WIRE,
        "inquiry",
        "The inquiry's time is over; `silent` never answered.",
        (*_RFQ, "reason", "silent"),
        ("Rfq.expire", "Quote.expire"),
    ),
    Kind(
        "rfq_no_quotes",
        _WIRE,
        "inquiry",
        "Every dealer has passed.",
        (*_RFQ, "reason", "silent"),
        ("Rfq.dry", "Quote.cancel"),
    ),
    Kind(
        "rfq_refuse",
        _WIRE,
        "inquiry",
        "The venue refused the inquiry.",
        (*_RFQ, "reason", "silent"),
        ("Rfq.reject", "Quote.cancel"),
    ),
    Kind(
        "rfq_cancel_request",
        _SYSTEM,
        "inquiry",
        "Somebody wants no quotes any more.",
        (*_RFQ, "cancel_request_id"),
    ),
    Kind(
        "rfq_cancel_reject",
        _SYSTEM,
        "inquiry",
        "Too late: a hit waits for its dealer, or the inquiry is over.",
        (*_RFQ, "cancel_request_id", *_WHY),
    ),
    Kind(
        "rfq_cancel",
        _WIRE,
        "inquiry",
        "The inquiry was canceled and its dealers told.",
        (*_RFQ, "reason", "silent"),
        ("Rfq.cancel", "Quote.cancel"),
    ),
)
_ALLOCATIONS = (
    Kind(
        "allocation_create",
        _WIRE,
        "allocation",
        "Who is to get how much was fixed.",
        (*_ALLOCATION, "strategy", "custodian_id", "account_allocations"),
    ),
    Kind(
        "allocation_calculate",
        _WIRE,
        "allocation",
        "The fills so far were split over the accounts.",
        (*_ALLOCATION, "account_allocations"),
        ("Allocation.calculate",),
    ),
    Kind(
        "allocation_complete",
        _AUDIT,
        "allocation",
        "Whether more fills will come has changed; the split has not.",
        (*_ALLOCATION, "complete"),
    ),
    Kind(
        "allocation_submit",
        _WIRE,
        "allocation",
        "Bookings were queued for one custodian.",
        (*_ALLOCATION, "custodian_id", "bookings"),
        ("Allocation.submit", "BookingLeg.requeue"),
    ),
    Kind(
        "allocation_approve",
        _WIRE,
        "allocation",
        "Every leg is booked and no more will come.",
        _ALLOCATION,
        ("Allocation.approve",),
    ),
    Kind(
        "allocation_reject",
        _WIRE,
        "allocation",
        "A custodian refused a leg; a person must look.",
        (*_LEG, *_WHY),
        ("Allocation.reject",),
    ),
    Kind(
        "allocation_fail",
        _WIRE,
        "allocation",
        "Calculating or booking broke down; a person must look.",
        (*_LEG, *_WHY),
        ("Allocation.fail",),
    ),
    Kind(
        "cancel_allocation_request",
        _SYSTEM,
        "allocation",
        "Somebody asked to withdraw it.",
        _ALLOCATION,
    ),
    Kind(
        "cancel_allocation_reject",
        _SYSTEM,
        "allocation",
        "It cannot be withdrawn any more.",
        (*_ALLOCATION, *_WHY),
    ),
    Kind(
        "allocation_cancel",
        _WIRE,
        "allocation",
        "It was withdrawn before anything was executed.",
        _ALLOCATION,
        ("Allocation.cancel",),
    ),
    Kind(
        "allocation_reverse",
        _AUDIT,
        "allocation",
        "Fills that had been split were taken back: legs are reversed or canceled.",
        (*_ALLOCATION, "revision", "reason", "canceled", "reversals"),
        ("Allocation.reverse", "BookingLeg.cancel"),
    ),
    Kind(
        "repair_request",
        _AUDIT,
        "repair",
        "Somebody asked that a refused booking go elsewhere; another person has to agree.",
        (*_REPAIR, "reason"),
    ),
    Kind(
        "repair_approve",
        _AUDIT,
        "repair",
        "Another person agreed: the refused booking is canceled, a new one queued.",
        (*_REPAIR, "new_booking_id"),
        ("BookingLeg.cancel",),
    ),
    Kind(
        "repair_refuse",
        _AUDIT,
        "repair",
        "Another person did not agree.",
        (*_REPAIR, "note"),
    ),
    Kind(
        "leg_woken",
        _AUDIT,
        "booking leg",
        "What it waited for at its custodian is through: it may be sent now.",
        (*_LEG, "due_at"),
    ),
    Kind(
        "leg_canceled",
        _AUDIT,
        "booking leg",
        "It is not wanted any more, and no custodian has it.",
        (*_LEG, "reason"),
        ("BookingLeg.cancel",),
    ),
    Kind(
        "leg_sent",
        _AUDIT,
        "booking leg",
        "About to be sent to its custodian.",
        (*_LEG, "attempt"),
        ("BookingLeg.send",),
    ),
    Kind(
        "leg_booked",
        _AUDIT,
        "booking leg",
        "The custodian has booked it.",
        (*_LEG, "booking_ref"),
        ("BookingLeg.book",),
    ),
    Kind(
        "leg_rejected",
        _AUDIT,
        "booking leg",
        "The custodian refused it.",
        (*_LEG, *_WHY),
        ("BookingLeg.reject",),
    ),
    Kind(
        "leg_failed",
        _AUDIT,
        "booking leg",
        "Out of attempts; it waits for a person.",
        (*_LEG, *_WHY),
        ("BookingLeg.fail",),
    ),
    Kind(
        "leg_deferred",
        _AUDIT,
        "booking leg",
        "The custodian could not be reached; tried again at `due_at`.",
        (*_LEG, *_WHY, "due_at"),
    ),
)
_BREAKS = (
    Kind(
        "limit_breach",
        _AUDIT,
        "order",
        "A fill took a limit over; the position is true, and a person looks.",
        (*_ORDER, "failed_controls"),
    ),
    Kind(
        "break_open",
        _AUDIT,
        "break",
        "What two parties say differs; it waits for a person's explanation.",
        ("break_id", "kind", "key", "order_id"),
    ),
    Kind(
        "break_assign",
        _AUDIT,
        "break",
        "Somebody took it.",
        ("break_id", "kind", "key", "owner"),
    ),
    Kind(
        "break_propose",
        _AUDIT,
        "break",
        "Somebody said why it may be closed; another person has to agree.",
        ("break_id", "kind", "key", "reason_code", "text"),
    ),
    Kind(
        "break_refuse",
        _AUDIT,
        "break",
        "Another person did not agree: it is open as before.",
        ("break_id", "kind", "key"),
    ),
    Kind(
        "break_close",
        _AUDIT,
        "break",
        "Another person agreed: it is closed by an adjusting entry.",
        ("break_id", "kind", "key", "reason_code", "adjustment_id"),
    ),
)
_TRANSACTION = ("transaction_id", "client_transaction_id", "kind", "account_id", "to_account_id")
_HOLDINGS = (
    Kind(
        "holdings_move",
        _AUDIT,
        "position or cash balance",
        "An account's positions, lots and cash moved by the named facts, all under one update id.",
        ("account_id", "update_id", "movements", "positions", "balances"),
    ),
    Kind(
        "lots_chosen",
        _AUDIT,
        "position",
        "Somebody named the lots that a sale is taken from; the position was folded again.",
        ("account_id", "movement_id", "lots", "positions"),
    ),
    Kind(
        "transaction_request",
        _AUDIT,
        "transaction",
        "Somebody asked for cash or securities to be moved.",
        (*_TRANSACTION, "instrument_id", "currency", "amount", "qty", "cost", "reason"),
    ),
    Kind(
        "transaction_apply",
        _AUDIT,
        "transaction",
        "It was applied: at once, or by a second person.",
        (*_TRANSACTION, "annotation"),
    ),
    Kind(
        "transaction_reject",
        _AUDIT,
        "transaction",
        "A second person refused it; nothing moved.",
        (*_TRANSACTION, "annotation"),
    ),
)
FAMILIES: dict[str, tuple[Kind, ...]] = {
    "Orders": _ORDERS,
    "Execution orders": _EXECUTION_ORDERS,
    "At the venues": _VENUE_ORDERS,
    "Requests for quotes": _INQUIRIES,
    "Allocations and bookings": _ALLOCATIONS,
    "Breaks": _BREAKS,
    "Holdings": _HOLDINGS,
}
KINDS: dict[str, Kind] = {kind.name: kind for family in FAMILIES.values() for kind in family}
