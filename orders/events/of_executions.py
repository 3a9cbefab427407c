"""What happens at the market: execution orders and venue orders."""

from __future__ import annotations

from orders.events.kinds import AUDIT, EXECUTION_ORDER, REPORT, SYSTEM, VENUE, WHY, WIRE, Kind

EXECUTION_ORDERS = (
    Kind(
        "execution_order_request",
        SYSTEM,
        "order",
        "Somebody asked for an execution order.",
        (*EXECUTION_ORDER, "protocol", "strategy"),
    ),
    Kind(
        "execution_order_reject",
        SYSTEM,
        "order",
        "The execution order may not be; none was made.",
        (*EXECUTION_ORDER, *WHY),
    ),
    Kind(
        "execution_order_create",
        WIRE,
        "order",
        "An execution order was made, with its venue orders and why they went where.",
        (*EXECUTION_ORDER, "execution_order", "routing", "venue_orders"),
    ),
    Kind(
        "execution_order_cancel_request",
        SYSTEM,
        "order",
        "Somebody asked one execution order to stop.",
        (*EXECUTION_ORDER, "cancel_request_id"),
    ),
    Kind(
        "execution_order_cancel_reject",
        SYSTEM,
        "order",
        "Too late, pending already, or refused by the venue: `code` is CxlRejReason(102).",
        (*EXECUTION_ORDER, "cancel_request_id", *WHY),
        ("ExecutionOrder.refuse_cancel",),
    ),
    Kind(
        "execution_order_cancel",
        WIRE,
        "order",
        "An execution order ended unfilled or in part; `status` says how.",
        (*EXECUTION_ORDER, "status", "reason"),
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
        SYSTEM,
        "order",
        "Somebody reported a trade made elsewhere; an `execution` follows if it is taken.",
        REPORT,
    ),
    Kind(
        "external_trade_report_reject",
        SYSTEM,
        "order",
        "The reported trade does not fit its execution order.",
        (*REPORT, *WHY),
    ),
)
VENUE_ORDERS = (
    Kind(
        "venue_cancel_request",
        AUDIT,
        "order",
        "Venues were asked to cancel; `pending` says for what.",
        (*EXECUTION_ORDER, "pending"),
        ("ExecutionOrder.request_cancel", "VenueOrder.request_cancel"),
    ),
    Kind(
        "venue_acknowledge",
        AUDIT,
        "venue order",
        "The venue has it.",
        VENUE,
        ("VenueOrder.acknowledge",),
    ),
    Kind(
        "venue_cancel",
        AUDIT,
        "venue order",
        "The venue canceled it; its execution order is worked elsewhere or over.",
        VENUE,
        ("VenueOrder.cancel",),
    ),
    Kind(
        "venue_reject",
        AUDIT,
        "venue order",
        "The venue refused it; its execution order is worked elsewhere or over.",
        VENUE,
        ("VenueOrder.reject",),
    ),
    Kind(
        "venue_expire",
        AUDIT,
        "venue order",
        "The venue let it expire; its execution order is worked elsewhere or over.",
        VENUE,
        ("VenueOrder.expire",),
    ),
    Kind(
        "venue_cancel_reject",
        AUDIT,
        "venue order",
        "The venue would not cancel it.",
        VENUE,
        ("VenueOrder.refuse_cancel",),
    ),
    Kind(
        "venue_in_doubt",
        AUDIT,
        "venue order",
        "The venue's tally and ours differ: ours stays, the venue is asked.",
        VENUE,
    ),
)
