"""The catalogue of events as a page."""

from __future__ import annotations

from orders.events import FAMILIES
from orders.reference import tables

_INTRODUCTION = (
    "Every fact that the journal holds. Clients get `order_update` and `system_update` messages by"
    " the stream and by the events API; `internal` ones are for the audit.\n\n"
    "Every `event` object also carries `event_type` and `time`. A field that does not apply is null"
    " or left out. `order_update` messages carry the whole order as well.\n\n"
    "Beside `event` stand `event_id` and `update_id`: events with the same `update_id` happened in"
    " one transaction. A stream that asks with `?views=transaction,holding,balance` also gets what"
    " an update did there: `transaction_update`, `holding_update` and `balance_update`, made from"
    " `holdings_move` and without a number."
)


def page() -> str:
    """One table per family, one row per event type."""
    parts = [_INTRODUCTION]
    for family, kinds in FAMILIES.items():
        rows = (
            [f"`{k.name}`", k.msg_type.value, k.subject, k.meaning, tables.code(k.fields)]
            for k in kinds
        )
        header = ["event_type", "msg_type", "subject", "meaning", "fields"]
        parts += [f"## {family}", tables.table(header, rows)]
    return tables.page("Events", *parts)
