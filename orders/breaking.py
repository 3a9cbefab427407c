"""Circuit breakers asked every second, with what only the story knows: the backlog."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Max

from controls import breakers
from oms_site.firm import generation
from oms_site.journal import draining
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders.models import Order
from venues.models import Outbound, SecurityNotice

HALTED = 2  # SecurityTradingStatus(326)
# What ends a halt: 3 resume, 17 ready to trade.
_RESUMED = (3, 17)
_MOST = 100
_turns = draining.Turns()


def drain() -> int:
    """Look at everything once. Returns how many halts were tripped or lifted."""
    generation.check()
    return obey() + breakers.look(backlog=backlog, at=clock.now())


def obey() -> int:
    """Stop and resume what venues have said is halted, in their order; how many halts moved.

    Each is noted as done after it was obeyed: obeyed twice, it moves nothing the second time.
    """
    due = _turns.page(SecurityNotice.objects.filter(done_at=None), _MOST)
    due.sort(key=lambda one: one.pk)
    over = _overtaken(due)

    def look(notice: SecurityNotice) -> int:
        if notice.pk in over:
            return _done(notice, "a later word of the venue was obeyed")
        return _obey(notice)

    return draining.each(due, look, aside=_put_aside)


def _overtaken(due: Sequence[SecurityNotice]) -> set[int]:
    """Those that could not be obeyed before the venue said something else that was.

    A halt that is obeyed after its end would never be given back.
    """
    if not due:
        return set()
    obeyed = SecurityNotice.objects.filter(
        pk__gt=due[0].pk,
        security_id__in={one.security_id for one in due},
        trading_status__in=(HALTED, *_RESUMED),
        done_at__isnull=False,
        note="",
    )
    pairs = obeyed.values_list("venue_id", "security_id").annotate(last=Max("pk")).order_by()
    last = {(venue, security): pk for venue, security, pk in pairs}
    return {one.pk for one in due if last.get((one.venue_id, one.security_id), 0) > one.pk}


def _obey(notice: SecurityNotice) -> int:
    note, moved = "", 0
    if notice.trading_status in (HALTED, *_RESUMED):
        try:
            moved = breakers.security_status(
                notice.security_id,
                halted=notice.trading_status == HALTED,
                source=f"venue {notice.venue_id}",
                text=notice.text,
                at=clock.now(),
            )
        except OmsError as error:
            note = error.message[:200]
    else:
        note = "neither a halt nor its end"
    _done(notice, note)
    return moved


def _done(notice: SecurityNotice, note: str) -> int:
    SecurityNotice.objects.filter(pk=notice.pk).update(done_at=clock.now(), note=note)
    return 0


def _put_aside(notice: SecurityNotice, error: Exception) -> None:
    """One that cannot be obeyed holds up no other: people have a break, and halts of their own.

    A halt is tried again at every look: the security must not go on trading because one look
    failed. What ends one is not: it stays halted, which is the safe side.
    """
    draining.tell("obey", f"{notice.venue_id}/{notice.pk}", error)
    if notice.trading_status != HALTED:
        _done(notice, f"not obeyed: {type(error).__name__}")


def backlog() -> int:
    """How much waits for us: orders due to be routed, messages that have not been sent."""
    due = Order.objects.filter(route_at__lte=clock.now()).count()
    return due + Outbound.objects.filter(sent_at=None).count()
