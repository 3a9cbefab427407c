"""What clearing parties are told, orders that only venues knew, and where valuations go."""

from __future__ import annotations

from orders.events.kinds import AUDIT, WHY, Kind

_CLEARING = ("order_id", "clearing_id", "execution_id", "party_id", "trans_type")
_EXTERNAL = ("external_order_id", "venue_id", "cl_ord_id", "desk", "status")
_FEED = ("endpoint_id", "name", "url", "active", "secret_version")


def _report(name: str, meaning: str, fields: tuple[str, ...], *moves: str) -> Kind:
    return Kind(name, AUDIT, "clearing report", meaning, (*_CLEARING, *fields), moves)


def _external(name: str, meaning: str, fields: tuple[str, ...], *moves: str) -> Kind:
    return Kind(name, AUDIT, "external order", meaning, (*_EXTERNAL, *fields), moves)


CLEARING = (
    _report(
        "clearing_generate",
        "A clearing party is to be told of a trade, of its bust or of its correction.",
        ("refers_to", "side", "amount", "price"),
    ),
    _report("clearing_sent", "About to be told, under its own key.", ("attempt", "told_as")),
    _report("clearing_deferred", "No answer; told again at `due_at`.", ("code", "due_at")),
    _report("clearing_accept", "The party has it.", ("ref",), "ClearingReport.accept"),
    _report(
        "clearing_reject",
        "The party will not take it; a person must look.",
        WHY,
        "ClearingReport.reject",
    ),
    _report("clearing_requeue", "Told again after it was put right.", (), "ClearingReport.requeue"),
    _report(
        "clearing_drop",
        "What it takes back was never taken: nobody needs to be told.",
        ("reason",),
        "ClearingReport.drop",
    ),
)
EXTERNALS = (
    _external(
        "external_order_open",
        "A venue reported an order that we never sent; it is laid before a desk.",
        ("side", "amount", "security_id"),
    ),
    _external(
        "external_order_report",
        "The venue reported a fill, bust or correction of it: in suspense.",
        ("fills", "cum_amount"),
        "ExternalOrder.report",
    ),
    _external("external_order_note", "The venue said where it stands.", ("ord_status",)),
    _external(
        "external_order_propose",
        "Somebody said whose it is, or that it is nobody's here.",
        ("order_id", "execution_order_id", "disowns", "reason"),
        "ExternalOrder.propose",
    ),
    _external(
        "external_order_refuse",
        "Another person did not agree.",
        (),
        "ExternalOrder.refuse",
    ),
    _external(
        "external_order_adopt",
        "Another person agreed: its fills became executions of that order.",
        ("order_id", "execution_order_id", "executions"),
        "ExternalOrder.adopt",
    ),
    _external(
        "external_order_disown",
        "Another person agreed that it is the venue's mistake; its fills count for nobody.",
        ("reason",),
        "ExternalOrder.disown",
    ),
)
FEEDS = (
    Kind("feed_register", AUDIT, "feed endpoint", "An address is told of positions.", _FEED),
    Kind("feed_pause", AUDIT, "feed endpoint", "Nothing is sent there for now.", _FEED),
    Kind("feed_resume", AUDIT, "feed endpoint", "It is told again.", _FEED),
    Kind("feed_rotate", AUDIT, "feed endpoint", "Another secret signs from now on.", _FEED),
    Kind(
        "feed_redeliver",
        AUDIT,
        "feed endpoint",
        "Somebody queued dead deliveries again, under their own ids.",
        (*_FEED, "deliveries"),
    ),
)
