"""The session, orders, and what venues say of them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from venues.messages.base import ExecType, Extensions, Message, OrdStatus, OrdType, ShortSale, Side


class Logon(Message, frozen=True, tag="logon"):
    """Opens a session: who we are, the next report number we want, and our time (sandbox)."""

    session: str
    next_seq: int
    now: datetime


class LogonAck(Message, frozen=True, tag="logon_ack"):
    """The venue's answer: the number of the last report it has ever sent on this session."""

    last_seq: int


class Heartbeat(Message, frozen=True, tag="heartbeat"):
    """Keeps a session alive; carries the sender's time.

    A venue adds the number of its last report (as FIX's MsgSeqNum does): a report lost on the way
    is missed within a heartbeat, although nothing follows it.
    """

    now: datetime
    last_seq: int | None = None


class NewOrder(Message, frozen=True, tag="D"):
    """NewOrderSingle(D)."""

    cl_ord_id: str
    security_id: str
    side: Side
    ord_type: OrdType
    order_qty: Decimal
    transact_time: datetime
    price: Decimal | None = None
    time_in_force: str = "0"
    exec_inst: str = ""
    expire_time: datetime | None = None
    # DisplayQty(1138) and MinQty(110); MaxFloor(111) is the former's older name.
    display_qty: Decimal | None = None
    min_qty: Decimal | None = None
    # What only this venue knows, by its name there; the format says which tag it is.
    extensions: Extensions = ()
    algorithm: str = ""
    short_sale: ShortSale = ""
    locate_broker: str = ""  # LocateBroker(5700): who lends what is sold short


class CancelRequest(Message, frozen=True, tag="F"):
    """OrderCancelRequest(F)."""

    cl_ord_id: str
    orig_cl_ord_id: str
    security_id: str
    side: Side
    transact_time: datetime
    short_sale: ShortSale = ""


class ReplaceRequest(Message, frozen=True, tag="G"):
    """OrderCancelReplaceRequest(G): order_qty is the new total, not the rest.

    Every instruction is repeated: a venue carries nothing over from the order it replaces.
    """

    cl_ord_id: str
    orig_cl_ord_id: str
    security_id: str
    side: Side
    ord_type: OrdType
    order_qty: Decimal
    transact_time: datetime
    price: Decimal | None = None
    time_in_force: str = "0"
    exec_inst: str = ""
    expire_time: datetime | None = None
    # DisplayQty(1138) and MinQty(110); MaxFloor(111) is the former's older name.
    display_qty: Decimal | None = None
    min_qty: Decimal | None = None
    extensions: Extensions = ()
    algorithm: str = ""
    short_sale: ShortSale = ""
    locate_broker: str = ""  # LocateBroker(5700): who lends what is sold short


class StatusRequest(Message, frozen=True, tag="H"):
    """OrderStatusRequest(H): asked instead of guessing what became of an order."""

    cl_ord_id: str
    security_id: str
    side: Side
    short_sale: ShortSale = ""


class ExecutionReport(Message, frozen=True, tag="8"):
    """ExecutionReport(8). `seq` is the venue's own report number on this session."""

    seq: int
    exec_id: str
    exec_type: ExecType
    ord_status: OrdStatus
    order_id: str
    cl_ord_id: str
    security_id: str
    side: Side
    order_qty: Decimal
    cum_qty: Decimal
    leaves_qty: Decimal
    transact_time: datetime
    trade_date: date
    orig_cl_ord_id: str = ""
    last_qty: Decimal | None = None
    last_px: Decimal | None = None
    avg_px: Decimal | None = None
    exec_ref_id: str = ""
    ord_rej_reason: int | None = None
    text: str = ""
    short_sale: ShortSale = ""


class CancelReject(Message, frozen=True, tag="9"):
    """OrderCancelReject(9). `response_to` is CxlRejResponseTo(434): 1 cancel, 2 replace."""

    seq: int
    order_id: str
    cl_ord_id: str
    orig_cl_ord_id: str
    ord_status: OrdStatus
    cxl_rej_reason: int
    transact_time: datetime
    response_to: str = "1"
    text: str = ""
