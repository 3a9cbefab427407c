"""What a FIX session must not forget: its numbers, and every message that counts, to the byte.

Called by the gateway in a thread of its own. Numbers and messages are written in one transaction:
outgoing ones before their bytes leave, incoming ones before anybody hears of them. So a process
that dies anywhere has neither lost nor doubled a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import Max

from venues import formats
from venues.fix import codec, outgoing
from venues.fix.codec import Fields, Message
from venues.formats import Content, Names
from venues.gateways.port import GatewayError
from venues.messages import WireOut
from venues.messages import encode as messages_encode
from venues.models import FixLine, FixMessage, FixNumbers, Inbound

NEW_YORK = ZoneInfo("America/New_York")
_BEGIN = {"FIX.5.0SP2": codec.FIXT}
# What goes again when a venue asks: requests that make nobody trade, whatever stands by now.
REPEATED = ("F", "H")


@dataclass(frozen=True, slots=True)
class Numbers:
    """The next number each way in this epoch, and how many reports there have ever been."""

    epoch: int
    next_out: int
    next_in: int
    reports: int


@dataclass(frozen=True, slots=True)
class Row:
    """One message to be kept; `report` numbers it among the venue's reports."""

    way: str
    seq: int
    msg_type: str
    raw: bytes
    cl_ord_id: str = ""
    report: int | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A session as it is to be gone on with; `reset` says that its numbers begin anew.

    `anew`: they have begun anew, and nobody has yet asked about what was said before.
    """

    line: FixLine
    numbers: Numbers
    content: Content
    names: Names
    reset: bool = False
    anew: bool = False

    @property
    def begin(self) -> str:
        """BeginString(8)."""
        return _BEGIN.get(self.content.dialect, self.content.dialect)

    def message(
        self, msg_type: str, seq: int, body: Fields, *, at: datetime, sent: str = ""
    ) -> bytes:
        """A whole message; `sent` is when one that is repeated went first."""
        header: Fields = [(35, msg_type)]
        if self.begin == codec.FIXT:
            header.append((1128, codec.FIX50SP2))
        header += [(49, self.line.sender_comp_id), (56, self.line.target_comp_id), (34, str(seq))]
        header += [(43, "Y")] if sent else []
        header.append((52, codec.timestamp(at)))
        header += [(122, sent)] if sent else []
        return codec.encode(self.begin, header, body)


def open_session(session: str, *, at: datetime) -> Opened:
    """Where a session stands. Raises `GatewayError` for one that was never agreed."""
    line = FixLine.objects.filter(pk=session).first()
    if line is None:
        text = f"there is no FIX session {session!r}"
        raise GatewayError("session_unknown", text, permanent=True)
    today = at.astimezone(NEW_YORK).date()
    row = FixNumbers.objects.filter(pk=session).first() or _first(line, today)
    # A reset that the venue has not answered is asked for again, from 1: nothing came in it yet.
    unanswered = row.next_in == 1 and row.next_out > 1
    daily = line.reset == FixLine.Reset.DAILY
    if daily and (row.began_on < today or unanswered):
        FixNumbers.objects.filter(pk=session, epoch=row.epoch).update(
            epoch=row.epoch + 1, next_out=1, next_in=1, began_on=today
        )
        row.refresh_from_db()
    fresh = daily and row.next_out == 1
    numbers = Numbers(row.epoch, row.next_out, row.next_in, row.reports)
    try:
        content, names = formats.of(line.venue_id), formats.names(line.venue_id)
    except ValueError as error:
        raise GatewayError("format_unreadable", str(error), permanent=True) from error
    anew = row.epoch > row.asked
    return Opened(line, numbers, content, names, reset=fresh, anew=anew)


def caught_up(session: str, epoch: int) -> None:
    """What was lost before this epoch has been asked about."""
    FixNumbers.objects.filter(pk=session, epoch=epoch).update(asked=epoch)


def _first(line: FixLine, today: date) -> FixNumbers:
    """Numbers of a session that has none; reports go on behind what its venue said otherwise."""
    heard = Inbound.objects.filter(venue_id=line.pk).aggregate(last=Max("seq"))["last"] or 0
    row, _ = FixNumbers.objects.get_or_create(
        session=line.pk, defaults={"began_on": today, "reports": heard}
    )
    return row


def write(
    opened: Opened, before: Numbers, after: Numbers, rows: Sequence[Row], *, at: datetime
) -> None:
    """Keep messages and the numbers they took. Raises `GatewayError` if another process counted."""
    session = opened.line.pk
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE venues_fixnumbers SET next_out = %s, next_in = %s, reports = %s "
            "WHERE session = %s AND (epoch, next_out, next_in, reports) = (%s, %s, %s, %s)",
            [
                *(after.next_out, after.next_in, after.reports, session),
                *(before.epoch, before.next_out, before.next_in, before.reports),
            ],
        )
        if cursor.rowcount != 1:
            raise GatewayError("session_shared", f"{session}: somebody else counts its numbers")
        if rows:
            cursor.execute(
                "INSERT INTO venues_fixmessage "
                "(session, epoch, way, seq, msg_type, cl_ord_id, report, raw, at) "
                "SELECT %s, %s, r.*, %s FROM unnest(%s::text[], %s::bigint[], %s::text[], "
                "%s::text[], %s::bigint[], %s::text[]) AS r",
                [
                    *(session, after.epoch, at),
                    [row.way for row in rows],
                    [row.seq for row in rows],
                    [row.msg_type[:4] for row in rows],
                    [row.cl_ord_id[:64] for row in rows],
                    [row.report for row in rows],
                    [row.raw.decode() for row in rows],
                ],
            )


def number(
    opened: Opened, before: Numbers, messages: Sequence[WireOut], *, at: datetime
) -> tuple[Numbers, bytes, list[str]]:
    """Give messages their numbers and keep them: the numbers after, the bytes, what cannot be said.

    They are said in the format in force now. Raises `GatewayError` when that is another dialect.
    """
    venue_id = opened.line.venue_id
    content, names = formats.of(venue_id), formats.names(venue_id)
    if content.dialect != opened.content.dialect:
        raise GatewayError("dialect_changed", f"{venue_id} is spoken to otherwise from now on")
    rows: list[Row] = []
    faults = []
    for message in messages:
        try:
            said = outgoing.encode(message, content, names)
        except KeyError as error:
            faults.append(f"{venue_id} has no {error} for {messages_encode(message).decode()}")
            continue
        except (ValueError, ArithmeticError) as error:
            # What was taken under an older format may be no value of the one in force.
            faults.append(f"{venue_id} is not told {messages_encode(message).decode()}: {error}")
            continue
        if said is not None:
            seq = before.next_out + len(rows)
            named = next((value for tag, value in said[1] if tag == 11), "")
            rows.append(Row("o", seq, said[0], opened.message(said[0], seq, said[1], at=at), named))
    after = replace(before, next_out=before.next_out + len(rows))
    if rows:
        write(opened, before, after, rows, at=at)
    return after, b"".join(row.raw for row in rows), faults


def sent(opened: Opened, epoch: int, first: int, last: int) -> list[FixMessage]:
    """What was sent under these numbers, in order; heartbeats and such are not there."""
    rows = FixMessage.objects.filter(session=opened.line.pk, epoch=epoch, way="o")
    return list(rows.filter(seq__gte=first, seq__lte=last).order_by("seq"))


def parsed(row: FixMessage) -> Message:
    """A kept message as fields again."""
    (found,), _ = codec.split(row.raw.encode())
    assert isinstance(found, Message)
    return found


def repeated(opened: Opened, epoch: int, first: int, last: int, *, at: datetime) -> list[bytes]:
    """The answer to ResendRequest(2) for these numbers: what may go again, and gaps for the rest.

    An order, or a replace, passes a last look before each time it goes, and here is none: whether
    the venue has it is asked instead, and it goes anew, under its own id, when the venue says no.
    """
    out: list[bytes] = []
    gap = first
    for row in sent(opened, epoch, first, last):
        if row.msg_type not in REPEATED:
            continue
        out += _gap(opened, gap, row.seq, at=at)
        message = parsed(row)
        skipped = {*codec.HEADER, 8, 9, 10}
        body = [(tag, value) for tag, value in message.fields if tag not in skipped]
        again = message.get(122) or message.get(52)
        out.append(opened.message(row.msg_type, row.seq, body, at=at, sent=again))
        gap = row.seq + 1
    return out + _gap(opened, gap, last + 1, at=at)


def _gap(opened: Opened, first: int, following: int, *, at: datetime) -> list[bytes]:
    """SequenceReset-GapFill(4) over numbers that are not told again."""
    if first >= following:
        return []
    body: Fields = [(123, "Y"), (36, str(following))]
    return [opened.message("4", first, body, at=at, sent=codec.timestamp(at))]


def told(opened: Opened, first: int, *, most: int) -> list[tuple[int, Message, Message | None]]:
    """Kept reports from a number on, with what they refuse where they refuse a message of ours."""
    rows = FixMessage.objects.filter(session=opened.line.pk, report__gte=first)
    found: list[tuple[int, Message, Message | None]] = []
    for row in rows.order_by("report")[:most]:
        message = parsed(row)
        assert row.report is not None
        found.append((row.report, message, refused_by(opened, message, row.epoch)))
    return found


def refused_by(opened: Opened, message: Message, epoch: int) -> Message | None:
    """The message of ours that Reject(3) or BusinessMessageReject(j) names by RefSeqNum(45)."""
    named = message.get(45)
    if message.type not in ("3", "j") or not codec.digits(named):
        return None
    rows = sent(opened, epoch, int(named), int(named))
    return parsed(rows[0]) if rows else None
