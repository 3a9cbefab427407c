"""What a venue's messages come to: numbered reports as frames, and rows to be kept.

Called in the session's thread, for what has just come and for what is told again from what was
kept; the same message gives the same frame both times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from venues import messages as wire
from venues.fix import incoming, market
from venues.fix.codec import Fields, Message
from venues.fix.market import Asked
from venues.gateways.fix import receiving, store
from venues.gateways.fix.store import Numbers, Opened, Row
from venues.gateways.port import Frame, GatewayError
from venues.messages import Heartbeat

REFUSALS = ("3", "j")
# Heartbeats, and books and tapes: a venue's next snapshot is worth more than any of them.
_UNKEPT = (receiving.HEARTBEAT, receiving.TEST, "W", "X")
# News, and a session's hours: read by people in the log of messages.
_READ_ONLY = ("B", "h")
PAGE = 500


@dataclass
class Heard:
    """What some messages came to."""

    numbers: Numbers
    frames: list[Frame] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    answers: list[tuple[str, Fields]] = field(default_factory=list)


def work(opened: Opened, numbers: Numbers, due: Sequence[Message], asked: Asked) -> Heard:
    """Number the reports among messages that are due, in their order.

    `asked` are the requests for market data of this connection, by their ids.
    """
    heard = Heard(numbers)
    for message in due:
        refused = None
        if message.type in REFUSALS:
            refused = store.refused_by(opened, message, numbers.epoch)
        is_report = message.type in incoming.REPORTS or (
            refused is not None and incoming.is_answered(refused, opened.content)
        )
        number = heard.numbers.reports + 1 if is_report else None
        if number is not None:
            heard.numbers = replace(heard.numbers, reports=number)
            heard.frames.append(frame(opened, number, message, refused))
        elif message.type in market.TYPES:
            heard.frames += _of_market(opened, message, asked)
        elif (other := _other(message, heard)) is not None:
            heard.frames.append(other)
        if message.type not in _UNKEPT:
            named = message.get(11)
            heard.rows.append(Row("i", message.seq, message.type, message.raw, named, number))
    return heard


def frame(opened: Opened, number: int, message: Message, refused: Message | None) -> Frame:
    """A report as the product reads it; what cannot be read keeps its number and its bytes."""
    try:
        if refused is None:
            read = incoming.read(message, opened.content, opened.names, seq=number)
            report, doubts = read.report, read.doubts
        else:
            report, doubts = (
                incoming.refused(refused, message, opened.content, opened.names, seq=number),
                "",
            )
        body = wire.encode(report).decode()
    except (ValueError, ArithmeticError) as error:
        # The error may repeat what was said, however long that is.
        return Frame(text(message.raw), None, str(error)[:400], number)
    return Frame(body, report, f"{doubts}: {text(message.raw)}" if doubts else "")


def again(opened: Opened, first: int) -> list[Frame]:
    """The kept reports from a number on, a page of them. Raises `GatewayError` without that one."""
    told = store.told(opened, first, most=PAGE)
    if not told or told[0][0] != first:
        why = f"{opened.line.pk}: report {first} came by another gateway, which has to tell it"
        raise GatewayError("reports_missing", why, permanent=True)
    return [frame(opened, number, message, refused) for number, message, refused in told]


def text(raw: bytes) -> str:
    """A message for people and for JSON."""
    return (
        raw.decode(errors="replace")
        .replace("\x01", "|")
        .replace("\x00", "\N{REPLACEMENT CHARACTER}")
    )


def _of_market(opened: Opened, message: Message, asked: Asked) -> list[Frame]:
    """Books and tapes; they have no number, so no text of them is kept.

    One that cannot be read is mostly followed by thousands like it: by its text they are the same.
    """
    try:
        said = market.read(message, opened.content, opened.names, asked)
    except (ValueError, ArithmeticError) as error:
        like = f"35={message.type}|48={message.get(48) or message.get(55)}"[:100]
        return [Frame(like, None, f"{error!s:.150}: {text(message.raw)}"[:400])]
    return [Frame("", one) for one in said]


def _other(message: Message, heard: Heard) -> Frame | None:
    if message.type == receiving.HEARTBEAT:
        at = incoming.moment_or_none(message.get(52))
        beat = Heartbeat(now=at, last_seq=heard.numbers.reports) if at is not None else None
        return Frame("", beat) if beat is not None else None
    if message.type in REFUSALS:
        return Frame(text(message.raw), None, f"the venue refused {message.get(45)}")
    if message.type in (*receiving.SESSION_TYPES, *_READ_ONLY):
        return None
    body: Fields = [(45, str(message.seq)), (372, message.type), (380, "3")]
    heard.answers.append(("j", body))
    return Frame(text(message.raw), None, f"35={message.type} is not spoken here")


def keep(
    opened: Opened,
    before: Numbers,
    due: Sequence[Message],
    answers: Sequence[tuple[str, Fields]],
    next_in: int,
    asked: Asked,
    *,
    at: datetime,
) -> tuple[Numbers, list[Frame], bytes]:
    """Keep what came and what is answered, in one transaction: numbers after, frames, bytes."""
    heard = work(opened, before, due, asked)
    said, after, rows = say(opened, heard.numbers, [*answers, *heard.answers], at=at)
    after = replace(after, next_in=next_in)
    if after != before or heard.rows:
        store.write(opened, before, after, [*heard.rows, *rows], at=at)
    return after, heard.frames, said


def say(
    opened: Opened, numbers: Numbers, said: Sequence[tuple[str, Fields]], *, at: datetime
) -> tuple[bytes, Numbers, list[Row]]:
    """Number messages of the session itself; heartbeats are not worth keeping."""
    text_, rows = b"", []
    for msg_type, body in said:
        raw = opened.message(msg_type, numbers.next_out, body, at=at)
        if msg_type not in _UNKEPT:
            rows.append(Row("o", numbers.next_out, msg_type, raw))
        numbers = replace(numbers, next_out=numbers.next_out + 1)
        text_ += raw
    return text_, numbers, rows


def speak(
    opened: Opened, before: Numbers, said: Sequence[tuple[str, Fields]], *, at: datetime
) -> tuple[Numbers, bytes]:
    """Keep and number messages of the session itself, by themselves."""
    raw, after, rows = say(opened, before, said, at=at)
    store.write(opened, before, after, rows, at=at)
    return after, raw
