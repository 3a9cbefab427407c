"""What an event type is, and the fields that many have in common."""

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


WIRE, SYSTEM, AUDIT = MsgType.ORDER_UPDATE, MsgType.SYSTEM_UPDATE, MsgType.INTERNAL
ORDER = ("order_id", "client_order_id")
EXECUTION_ORDER = (*ORDER, "execution_order_id", "client_execution_order_id")
APPROVAL = (*ORDER, "manual_approve_id", "client_manual_approve_id", "annotation")
REFUSAL = (*ORDER, "manual_reject_id", "client_manual_reject_id", "annotation")
REPORT = (*EXECUTION_ORDER, "external_trade_report_id", "client_external_trade_report_id")
VENUE = (*EXECUTION_ORDER, "cl_ord_id", "venue_id", "venue_order_id", "text")
ALLOCATION = ("order_id", "allocation_id", "client_allocation_id")
REPAIR = (*ALLOCATION, "repair_id", "booking_id", "custodian_id", "account_id")
LEG = (*ALLOCATION, "booking_id", "account_allocation_id", "custodian_id")
WHY = ("code", "reason")
AMENDMENT = (*ORDER, "amend_request_id", "client_amend_id", "revision")
MONEY = ("principal", "accrued_interest", "fees", "net_money", "trade_date", "settlement_date")
FILL = (
    *("execution_id", "venue_execution_id", "execution_ref_id", "kind", "venue", "amount", "price"),
    *MONEY,
    *("executed_at", "late", "overfill"),
)
