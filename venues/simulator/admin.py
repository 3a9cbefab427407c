"""The venue's back door, for tests and demonstrations: one JSON line in, one JSON line out.

`{"cmd":"fault","session":"SIMA","drop":0.1}` and so on; the answer is `{"ok":true}` or
`{"ok":false,"error":…}`. The session is SIMA unless the line names another.
"""

from __future__ import annotations

import asyncio
import socket
from datetime import timedelta
from decimal import Decimal

import msgspec

from venues.messages import Side
from venues.simulator import sweeping
from venues.simulator.delivery import Faults
from venues.simulator.misfortunes import EVERY, Misfortune, Misfortunes, Plan
from venues.simulator.priority import Rule
from venues.simulator.server import SESSIONS, Venue
from venues.simulator.session import Session
from venues.simulator.time import NEW_YORK


class _Command(msgspec.Struct, kw_only=True, tag_field="cmd", forbid_unknown_fields=True):
    session: str = SESSIONS[0]


class Fault(_Command, tag="fault"):
    """Spoil the delivery of reports; without fields, deliver properly again."""

    drop: float = 0.0
    duplicate: float = 0.0
    reorder: int = 0
    delay_ms: int = 0
    seed: int = 0


class BookFault(_Command, tag="book_fault"):
    """Spoil the delivery of books' updates: gaps, repeats, overtaking; without fields, none."""

    drop: float = 0.0
    duplicate: float = 0.0
    reorder: int = 0
    seed: int = 0


class BadLuck(_Command, tag="misfortune"):
    """Let things go wrong from now on, drawn from a seed; without a rate, nothing any more."""

    seed: int = 0
    rate: float = 0.0
    kinds: tuple[Misfortune, ...] = EVERY


class Bust(_Command, tag="bust"):
    """Take a trade back."""

    exec_id: str


class Correct(_Command, tag="correct"):
    """Restate a trade."""

    exec_id: str
    qty: Decimal
    px: Decimal


class LateFill(_Command, tag="late_fill"):
    """Report a trade on an order in whatever state it is."""

    cl_ord_id: str
    qty: Decimal
    px: Decimal


class Move(_Command, tag="move"):
    """Move a book by whole ticks and match what rests."""

    security_id: str
    ticks: int


class Matching(_Command, tag="matching"):
    """Match what stands at one price by this rule from now on."""

    rule: Rule = Rule()


class Sweep(_Command, tag="sweep"):
    """A stranger trades with what rests, up to a quantity, at a price or better."""

    security_id: str
    side: Side
    qty: Decimal
    px: Decimal


class Trading(_Command, tag="security_status"):
    """Halt a security (2), or let it trade again (3), and say so: SecurityTradingStatus(326)."""

    security_id: str
    status: int
    text: str = ""


class Skew(_Command, tag="skew"):
    """Let the venue's clock be wrong by so much."""

    ms: int = 0


class Silence(_Command, tag="silence"):
    """Say nothing at all, while going on to listen; or speak again."""

    on: bool


class Disconnect(_Command, tag="disconnect"):
    """Cut the line."""


class DropCopy(_Command, tag="drop_copy"):
    """Tell the orders and standing trades, `most` of each from number `after` on."""

    after: int = 0
    most: int = 500


Command = (
    Fault
    | BookFault
    | BadLuck
    | Bust
    | Correct
    | LateFill
    | Move
    | Matching
    | Sweep
    | Trading
    | Skew
    | Silence
    | Disconnect
    | DropCopy
)
_decoder = msgspec.json.Decoder(Command)
_encoder = msgspec.json.Encoder(decimal_format="string")


async def listen(venue: Venue, sock: socket.socket) -> asyncio.Server:
    """Take commands on a bound socket."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(answer(venue, line) + b"\n")
                await writer.drain()
        except (OSError, ValueError):
            pass
        finally:
            writer.close()

    return await asyncio.start_server(serve, sock=sock)


def answer(venue: Venue, line: bytes) -> bytes:
    """Carry out one line."""
    try:
        command = _decoder.decode(line)
        if isinstance(command, DropCopy):
            return _encoder.encode(told(venue.session(command.session), command))
        obey(venue.session(command.session), command)
    except (msgspec.MsgspecError, KeyError, ValueError) as error:
        return msgspec.json.encode({"ok": False, "error": str(error)})
    return msgspec.json.encode({"ok": True})


def told(session: Session, command: DropCopy) -> dict[str, object]:
    """One page of what the venue knows, from its own memory, which is its journal folded.

    An order is told of once, under the ClOrdID(11) of its present terms, with the moment at which
    it moved last; a trade as its report was: with its own moment, and that one's day in New York.
    """
    register, upto = session.exchange.register, command.after + command.most
    # Pages are of what is never taken off, so that nothing slips between two of them.
    orders = list(register.orders.items())[command.after : upto]
    trades = list(register.trades.items())[command.after : upto]
    more = max(len(register.orders), len(register.trades)) > upto
    return {
        "ok": True,
        "orders": [
            {
                "cl_ord_id": key,
                "cum_qty": order.cum_qty,
                "is_open": order.leaves_qty > 0,
                "at": order.moved_at or order.received_at,
            }
            for key, order in orders
            if key == order.cl_ord_id
        ],
        "trades": [
            {
                "exec_id": key,
                "cl_ord_id": trade.order.cl_ord_id,
                "qty": trade.qty,
                "price": trade.px,
                "trade_date": trade.at.astimezone(NEW_YORK).date(),
                "at": trade.at,
            }
            for key, trade in trades
            if key == trade.exec_id and not trade.busted
        ],
        "next": upto if more else None,
    }


def obey(session: Session, command: Command) -> None:
    """Carry out one command. Raises KeyError or ValueError when it makes no sense."""
    at, exchange = session.clock.now(), session.exchange
    match command:
        case Fault():
            session.spoil(
                Faults(
                    drop=command.drop,
                    duplicate=command.duplicate,
                    reorder=command.reorder,
                    delay_ms=command.delay_ms,
                    seed=command.seed,
                )
            )
        case BookFault():
            session.spoil_books(
                Faults(
                    drop=command.drop,
                    duplicate=command.duplicate,
                    reorder=command.reorder,
                    seed=command.seed,
                )
            )
        case BadLuck():
            session.misfortunes = Misfortunes(
                Plan(seed=command.seed, rate=command.rate, kinds=command.kinds)
            )
        case Bust():
            exchange.bust(command.exec_id, at)
        case Correct():
            exchange.correct(command.exec_id, at, qty=command.qty, px=command.px)
        case LateFill():
            exchange.fill_late(command.cl_ord_id, at, qty=command.qty, px=command.px)
        case Move():
            session.market.move(command.security_id, command.ticks)
            exchange.quotes_moved(at)
        case Matching():
            session.rule = command.rule
        case Sweep():
            sweeping.sweep(
                exchange,
                command.security_id,
                side=command.side,
                qty=command.qty,
                px=command.px,
                rule=session.rule,
                at=at,
            )
        case Trading():
            exchange.say_status(command.security_id, command.status, at, text=command.text)
        case Skew():
            session.clock.skew = timedelta(milliseconds=command.ms)
        case Silence():
            session.silent = command.on
        case Disconnect():
            session.disconnect()
    session.commit()
