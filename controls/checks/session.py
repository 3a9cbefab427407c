"""Is there still a session for this order? Before the open it may wait, after the close not."""

from __future__ import annotations

from datetime import datetime

from controls.findings import PASSED, Answer, Finding, Missing
from controls.parameters import Params
from controls.ticket import Ticket
from venues.calendar import NEW_YORK, Session

WELCOME = frozenset({Session.BEFORE.value, Session.OPEN.value})


def hours(ticket: Ticket, params: Params) -> Answer:
    """The session that the order asks for, regular or extended, is open or still to come today."""
    if ticket.phase in WELCOME:
        return PASSED
    if ticket.phase == Session.NO_SESSION:
        return Finding(f"There is no session on {_day(ticket.at)}.", None, ticket.phase)
    if ticket.phase != Session.CLOSED:
        raise Missing(f"the session phase {ticket.phase!r} is unknown")
    kind = "extended" if ticket.extended_hours else "regular"
    came = f"this order came at {_time(ticket.at)}"
    if ticket.session_close is None:
        message = f"The {kind} session of {_day(ticket.at)} has closed; {came} New York time."
        return Finding(message, None, ticket.phase)
    close = ticket.session_close
    message = f"The {kind} session closed at {_time(close)} New York time; {came}."
    return Finding(message, close.isoformat(), ticket.phase)


def _day(moment: datetime) -> str:
    local = moment.astimezone(NEW_YORK)
    return f"{local:%A}, {local:%B} {local.day}, {local.year}"


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(NEW_YORK):%H:%M:%S}"
