"""What a venue with an order book must do: each requirement a small story, its fault in words."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from oms_site.kit import clock, ids
from venues.acceptance.floor import Floor, Requirement, Trial
from venues.messages import (
    ExecType,
    ExecutionReport,
    NewOrder,
    OrdStatus,
    ReplaceRequest,
    StatusRequest,
)

TOO_LATE, UNKNOWN = 0, 1  # CxlRejReason(102)
_IMMEDIATE = {"ioc": "3", "fok": "4"}  # TimeInForce(59)
D = Decimal


async def _market(floor: Floor) -> str:
    one = await floor.order()
    done = await floor.until(one, ExecType.TRADE)
    await _ended(floor, one)
    told = floor.of(one.cl_ord_id)
    if told[0].exec_type not in (ExecType.NEW, ExecType.PENDING_NEW):
        return f"the first word on an order was {told[0].exec_type}"
    traded = sum((r.last_qty or D(0) for r in told if r.exec_type is ExecType.TRADE), D(0))
    if traded != told[-1].cum_qty or traded != one.order_qty or not done.last_px:
        return f"trades of {traded}, a tally of {told[-1].cum_qty}, ordered {one.order_qty}"
    return _sums(told)


async def _limit(floor: Floor) -> str:
    one = await floor.resting()
    (told,) = floor.of(one.cl_ord_id)
    if (told.ord_status, told.leaves_qty) != (OrdStatus.NEW, one.order_qty) or not told.order_id:
        return f"an order nobody meets is {told.ord_status} with {told.leaves_qty} open"
    return _sums([told])


async def _cancel(floor: Floor) -> str:
    one = await floor.resting()
    asked = await floor.cancel(one)
    told = await floor.until(one, ExecType.CANCELED)
    if (told.cl_ord_id, told.orig_cl_ord_id) != (asked.cl_ord_id, one.cl_ord_id):
        return f"the cancel was answered for {told.cl_ord_id} of {told.orig_cl_ord_id}"
    return "" if told.leaves_qty == 0 else f"a canceled order has {told.leaves_qty} open"


async def _refused(floor: Floor) -> str:
    one = await floor.order(floor.trial.unknown)
    told = await floor.until(one, ExecType.REJECTED)
    if told.leaves_qty or not (told.text or told.ord_rej_reason is not None):
        return f"refused with {told.leaves_qty} open and the reason {told.text!r}"
    return ""


async def _partial(floor: Floor) -> str:
    one = await floor.order(floor.trial.partly)
    told = await floor.until(one, ExecType.TRADE)
    if told.ord_status is not OrdStatus.PARTIALLY_FILLED or not 0 < told.cum_qty < one.order_qty:
        return f"part of an order is {told.ord_status}, {told.cum_qty} of {one.order_qty}"
    await floor.cancel(one)
    ended = await floor.until(one, ExecType.CANCELED)
    return "" if ended.cum_qty == told.cum_qty else "the cancel changed what had traded"


async def _replace(floor: Floor) -> str:
    one = await floor.resting()
    total = one.order_qty * 2
    asked = _replacement(one, total)
    await floor.say(asked)
    told = await floor.until(one, ExecType.REPLACED)
    if (told.order_qty, told.leaves_qty, told.cl_ord_id) != (total, total, asked.cl_ord_id):
        return f"replaced to {told.order_qty} with {told.leaves_qty} open as {told.cl_ord_id}"
    again = _replacement(_renamed(one, asked.cl_ord_id), total + total)
    await floor.say(again)
    await floor.wait(lambda: [r for r in floor.of(again.cl_ord_id) if r.order_qty == 2 * total])
    floor.open[again.cl_ord_id] = _renamed(one, again.cl_ord_id)
    return ""


async def _cancel_unknown(floor: Floor) -> str:
    never = _renamed(await floor.resting(), ids.prefixed("vo"))
    told = await floor.refusal(await floor.cancel(never))
    return "" if told.cxl_rej_reason == UNKNOWN else f"refused with {told.cxl_rej_reason}"


async def _cancel_late(floor: Floor) -> str:
    one = await floor.order()
    await _ended(floor, one)
    told = await floor.refusal(await floor.cancel(one))
    return "" if told.cxl_rej_reason == TOO_LATE else f"refused with {told.cxl_rej_reason}"


async def _status(floor: Floor) -> str:
    one = await floor.resting()
    await floor.say(_question(one.cl_ord_id, one.security_id))
    told = await floor.until(one, ExecType.ORDER_STATUS)
    if (told.ord_status, told.leaves_qty) != (OrdStatus.NEW, one.order_qty):
        return f"asked for its status, an open order is {told.ord_status}, {told.leaves_qty} open"
    never = ids.prefixed("vo")
    await floor.say(_question(never, one.security_id))
    gone = await floor.wait(lambda: next(iter(floor.of(never)), None))
    if (gone.ord_status, gone.order_id) != (OrdStatus.REJECTED, "NONE"):
        return f"an order that never was is {gone.ord_status} as {gone.order_id}"
    return ""


async def _twice(floor: Floor) -> str:
    one = await floor.order()
    await _ended(floor, one)
    before = [r.exec_id for r in floor.of(one.cl_ord_id) if r.exec_type is ExecType.TRADE]
    count = len(floor.of(one.cl_ord_id))
    await floor.say(one)
    await floor.wait(lambda: floor.of(one.cl_ord_id)[count:] or None)
    await floor.resting()
    told = floor.of(one.cl_ord_id)
    after = [r.exec_id for r in told if r.exec_type is ExecType.TRADE]
    same = after == before and {r.order_id for r in told} == {told[0].order_id}
    return "" if same else f"the same id twice: {len(after) - len(before)} more trades"


async def _immediate(floor: Floor) -> str:
    for name, code in _IMMEDIATE.items():
        if floor.trial.takes(name, floor.trial.times_in_force):
            one = await floor.order(price=floor.trial.far, time_in_force=code)
            told = await floor.until(one, ExecType.CANCELED, ExecType.EXPIRED, ExecType.REJECTED)
            if told.leaves_qty or told.cum_qty:
                return f"{name} that nobody meets has {told.leaves_qty} open"
    return ""


async def _sizes(floor: Floor) -> str:
    for qty in (floor.trial.min_qty, floor.trial.max_qty):
        if qty is not None:
            one = await floor.order(price=floor.trial.far, order_qty=qty)
            await floor.until(one, ExecType.NEW)
    return ""


async def _reconnect(floor: Floor) -> str:
    first = floor.last_seq + 1
    one = await floor.order()
    await _ended(floor, one)
    before = dict(floor.texts)
    floor.heard.clear()
    await floor.gateway.close()
    await floor.connect(first)
    await floor.wait(lambda: len({r.seq for r in floor.heard}) >= len(before) or None)
    again = [r.seq for r in floor.heard]
    if again != sorted(before):
        return f"asked from {first} on, it told {again[:20]}"
    return ""


async def _cut(floor: Floor) -> str:
    first = floor.last_seq + 1
    one = await floor.order()
    await floor.until(one, ExecType.NEW, ExecType.PENDING_NEW, ExecType.TRADE)
    cut = await floor.order(price=floor.trial.far)
    await floor.gateway.close()
    await floor.connect(first)
    await floor.say(_question(cut.cl_ord_id, cut.security_id))
    told = await floor.wait(lambda: next(iter(floor.of(cut.cl_ord_id)), None))
    known = told.order_id != "NONE"
    return "" if known or told.ord_status is OrdStatus.REJECTED else "it does not know its own word"


async def _numbers(floor: Floor) -> str:
    first = floor.last_seq + 1
    for _ in range(5):
        one = await floor.order()
        await _ended(floor, one)
    seqs = [r.seq for r in floor.heard]
    if seqs != list(range(first, first + len(seqs))):
        return f"reports are numbered {seqs[:20]}"
    names = [r.exec_id for r in floor.heard if isinstance(r, ExecutionReport)]
    return "" if len(set(names)) == len(names) else "an ExecID was used twice"


def _replacement(one: NewOrder, qty: Decimal) -> ReplaceRequest:
    return ReplaceRequest(
        cl_ord_id=ids.prefixed("vr"),
        orig_cl_ord_id=one.cl_ord_id,
        security_id=one.security_id,
        side=one.side,
        ord_type=one.ord_type,
        order_qty=qty,
        price=one.price,
        transact_time=clock.now(),
    )


def _question(cl_ord_id: str, security_id: str) -> StatusRequest:
    return StatusRequest(cl_ord_id=cl_ord_id, security_id=security_id, side="1")


def _renamed(one: NewOrder, cl_ord_id: str) -> NewOrder:
    return msgspec.structs.replace(one, cl_ord_id=cl_ord_id)


async def _ended(floor: Floor, one: NewOrder) -> None:
    await floor.wait(lambda: [r for r in floor.of(one.cl_ord_id) if not r.leaves_qty] or None)


def _sums(told: Sequence[ExecutionReport]) -> str:
    """Open quantity and traded quantity are the order's, until it is over."""
    for r in told:
        if r.leaves_qty and r.cum_qty + r.leaves_qty != r.order_qty:
            return f"report {r.seq}: {r.cum_qty} and {r.leaves_qty} are not {r.order_qty}"
    return ""


def _market_only(trial: Trial) -> str:
    return "" if trial.takes("market", trial.ord_types) else "it takes no market orders"


def _limit_only(trial: Trial) -> str:
    return "" if trial.takes("limit", trial.ord_types) else "it takes no limit orders"


def _both(trial: Trial) -> str:
    return _market_only(trial) or _limit_only(trial)


def _now_or_never(trial: Trial) -> str:
    takes = any(trial.takes(name, trial.times_in_force) for name in _IMMEDIATE)
    return _limit_only(trial) if takes else "it takes no such orders"


def _replacing(trial: Trial) -> str:
    return _limit_only(trial) if trial.replaces else "it cancels and takes a new order"


def _sized(trial: Trial) -> str:
    return _limit_only(trial) if trial.min_qty or trial.max_qty else "it names none"


REQUIREMENTS = (
    Requirement(
        "reports are numbered without a gap, each under an id of its own", _numbers, _market_only
    ),
    Requirement(
        "an order at the market is acknowledged and filled, to the unit", _market, _market_only
    ),
    Requirement("an order that nobody meets rests", _limit, _limit_only),
    Requirement("a resting order is canceled when asked", _cancel, _limit_only),
    Requirement("an order that cannot be is refused with a reason", _refused, _market_only),
    Requirement("part of an order trades, the rest is canceled", _partial, _market_only),
    Requirement("a resting order is replaced, and replaced again", _replace, _replacing),
    Requirement("a cancel of an unknown order is refused", _cancel_unknown, _limit_only),
    Requirement("a cancel after the fill is too late", _cancel_late, _market_only),
    Requirement("the status of an order is told, also of one that never was", _status, _limit_only),
    Requirement("the same order sent twice is one order", _twice, _both),
    Requirement(
        "what is not met at once ends, for orders that are now or never", _immediate, _now_or_never
    ),
    Requirement("the least and the largest size are taken", _sizes, _sized),
    Requirement(
        "after a new connection every report is told again as it was", _reconnect, _market_only
    ),
    Requirement("an order sent before the line was cut is known afterwards", _cut, _both),
)
