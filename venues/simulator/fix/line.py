"""A FIX peer as the venue's session sees it: a line that takes reports and brings requests.

Numbers each report once, in the session's order. One that the session's faults have lost keeps its
number and is told when it is asked for; one told late or twice goes under the number it has.
"""

from __future__ import annotations

import asyncio

import msgspec

from venues import messages
from venues.fix.codec import Fields, Message, encode, timestamp
from venues.messages import Heartbeat, QuoteRequest, QuoteResponse, Report, SecurityStatus
from venues.simulator.fix import prices, quotes, words
from venues.simulator.fix.ledger import Ledger
from venues.simulator.fix.prices import Prices, Refused
from venues.simulator.fix.reading import Unfit, moment_of
from venues.simulator.session import Session

Told = messages.ExecutionReport | messages.CancelReject | SecurityStatus
_REPORTS = tuple(f'{{"msg":"{tag}"'.encode() for tag in ("8", "9", "f", "S", "AI", "AG", "Z"))
_MARKET = tuple(f'{{"msg":"{tag}"'.encode() for tag in ("W", "book", "X", "tape", "prints", "Y"))
_BEAT = b'{"msg":"heartbeat"'
_FIXT, _FIX50SP2 = "FIXT.1.1", "9"


class FixLine(asyncio.Transport):
    """One logged-on peer."""

    def __init__(
        self, peer: asyncio.Transport, logon: Message, session: Session, ledger: Ledger
    ) -> None:
        super().__init__()
        self._peer = peer
        self._session = session
        self._ledger = ledger
        self._begin = logon.get(8)
        self._ours, self._theirs = logon.get(56), logon.get(49)
        self._asked = 0
        self._late: set[int] = set()  # numbered, and not told yet
        self._prices = Prices()

    # --- what the session tells ----------------------------------------------------------------
    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Lines of the session, as FIX; what this entrance does not carry is left out."""
        out = [text for line in bytes(data).split(b"\n") if (text := self._translated(line))]
        if out:
            self._peer.write(b"".join(out))

    def abort(self) -> None:
        """Cut the peer off."""
        self._peer.abort()

    def is_closing(self) -> bool:
        """Whether the peer has gone."""
        return self._peer.is_closing()

    def _translated(self, line: bytes) -> bytes:
        if line.startswith(_BEAT):
            return self._own("0", [])
        if line.startswith(_MARKET):
            return self._priced(line)
        if not line.startswith(_REPORTS):
            return b""
        report = messages.decode_report(line)
        at = self._session.clock.now()
        known = self._ledger.number_of.get(report.seq)
        if known is not None:
            sent = "" if report.seq in self._late else timestamp(at)
            self._late.discard(report.seq)
            return self._report(report, known, sent)
        for lost in range(self._ledger.last_report + 1, report.seq):
            self._ledger.number(at, report=lost)
            self._late.add(lost)
        return self._report(report, self._ledger.number(at, report=report.seq))

    def _priced(self, line: bytes) -> bytes:
        """Books and tapes, where the peer has asked for them; none of it is told a second time."""
        said = messages.decode_incoming(line)
        assert isinstance(said, messages.MarketData)
        found = self._prices.told(said)
        return self._own(*found) if found is not None else b""

    def _report(self, report: Report, seq: int, sent: str = "") -> bytes:
        if isinstance(report, Told):
            msg_type, body = words.told(report, self._begin)
        else:
            msg_type, body = quotes.told(report)
        return self._message(msg_type, seq, body, sent=sent)

    def _own(self, msg_type: str, body: Fields) -> bytes:
        return self._message(msg_type, self._ledger.number(self._session.clock.now()), body)

    def say(self, msg_type: str, body: Fields) -> None:
        """A message of the session rules, unless the venue has fallen silent."""
        if not self._session.silent:
            self._peer.write(self._own(msg_type, body))

    def _message(self, msg_type: str, seq: int, body: Fields, *, sent: str = "") -> bytes:
        header: Fields = [(35, msg_type)]
        header += [(1128, _FIX50SP2)] if self._begin == _FIXT else []
        header += [(49, self._ours), (56, self._theirs), (34, str(seq))]
        header += [(43, "Y")] if sent else []
        header.append((52, timestamp(self._session.clock.now())))
        header += [(122, sent)] if sent else []
        return encode(self._begin, header, body)

    # --- what the peer says --------------------------------------------------------------------
    def hear(self, items: list[Message]) -> None:
        """Act on messages in their order; requests go to the session together."""
        frames: list[bytes] = []
        for message in items:
            if not self._is_due(message):
                continue
            match message.type:
                case "0" | "3" | "j":
                    pass
                case "1":
                    self.say("0", [(112, message.get(112))])
                case "2":
                    pass
                case "5":
                    self.say("5", [])
                    self._peer.close()
                    break
                case _:
                    frames += self._request(message)
            frames += self._beat(message)
        if frames:
            self._session.receive(self, frames)

    def _beat(self, message: Message) -> list[bytes]:
        """The venue follows the time of its peer by what has just been sent."""
        if message.type not in ("0", "1"):
            return []
        try:
            return [messages.encode(Heartbeat(now=moment_of(message, 52)))]
        except Unfit:
            return []

    def _is_due(self, message: Message) -> bool:
        due, seq = self._ledger.next_in, message.seq
        if message.type == "2" and (seq >= due or message.possibly_repeated):
            self._tell_again(message)
        if message.type == "4":
            following = message.get(36)
            if following.isdigit() and seq <= due < int(following):
                self._ledger.expect(int(following))
            elif seq > due:
                self.ask_from(due)
            return False
        if seq > due:
            self.ask_from(due)
            return False
        if seq < due:
            if not message.possibly_repeated:
                self.refuse_number(seq)
            return False
        self._ledger.expect(due + 1)
        return True

    def refuse_number(self, seq: int) -> None:
        """Say which number was due, and hang up."""
        due = self._ledger.next_in
        self.say("5", [(58, f"MsgSeqNum too low, expecting {due} but received {seq}")])
        self._peer.close()

    def ask_from(self, due: int) -> None:
        """Ask for everything from a number on, once."""
        if self._asked != due:
            self._asked = due
            self.say("2", [(7, str(due)), (16, "0")])

    def _request(self, message: Message) -> list[bytes]:
        if not words.known(message.type):
            body: Fields = [(45, str(message.seq)), (372, message.type), (380, "3")]
            self.say("j", [*body, (58, f"no 35={message.type} here")])
            return []
        try:
            if message.type == "V":
                return self._of_market(message)
            if message.type in ("R", "AJ") or quotes.is_hit(message):
                return [messages.encode(self._inquired(message))]
            return [messages.encode(words.request(message))]
        except (Unfit, msgspec.ValidationError) as error:
            body = [(45, str(message.seq)), (372, message.type)]
            if isinstance(error, Unfit):
                body += [(371, str(error.tag)), (373, str(error.reason))]
            self.say("3", [*body, (58, str(error))])
            return []

    def _inquired(self, message: Message) -> QuoteRequest | QuoteResponse:
        words.complete(message)
        if message.type == "R":
            return quotes.request(message)
        return quotes.response(message, self._session.journal.register)

    def _of_market(self, message: Message) -> list[bytes]:
        words.complete(message)
        try:
            asked = self._prices.request(message)
        except Refused as refused:
            self.say(*prices.refusal(message.get(262), refused.reason, str(refused)))
            return []
        return [messages.encode(asked)] if asked is not None else []

    def _tell_again(self, message: Message) -> None:
        first, last = int(message.get(7) or 1), int(message.get(16) or 0)
        last = last or self._ledger.next_out - 1
        out, gap = b"", first
        for seq in range(first, min(last, self._ledger.next_out - 1) + 1):
            found = self._ledger.report_of.get(seq)
            if found is None:
                continue
            number, at = found
            out += self._gap(gap, seq)
            report = messages.decode_report(self._session.journal.read(number, most=1 << 14)[0])
            out += self._report(report, seq, timestamp(at))
            gap = seq + 1
        out += self._gap(gap, min(last, self._ledger.next_out - 1) + 1)
        if out and not self._session.silent:
            self._peer.write(out)

    def _gap(self, first: int, following: int) -> bytes:
        if first >= following:
            return b""
        sent = timestamp(self._session.clock.now())
        return self._message("4", first, [(123, "Y"), (36, str(following))], sent=sent)
