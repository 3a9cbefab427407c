"""Market data and quotes over FIX, field by field: what we say, and what other venues may say."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import simplefix

from venues import formats
from venues.fix import codec, incoming, market, outgoing
from venues.fix.codec import Message
from venues.formats import Names
from venues.gateways.fix import asking
from venues.gateways.fix.asking import Asking
from venues.market_data.recorder import Recorder
from venues.messages import (
    BookSnapshot,
    BookUpdate,
    DealerQuote,
    MarketDataRequest,
    MarketDataRequestReject,
    Quote,
    QuoteCancel,
    QuoteRequest,
    QuoteRequestReject,
    QuoteResponse,
    QuoteRespType,
    QuoteStatusReport,
    TapeSnapshot,
    TapeUpdate,
    WireOut,
)

D = Decimal
AT = datetime(2026, 11, 23, 15, 0, 0, 250_000, tzinfo=UTC)
STAMP = "20261123-15:00:00.250000"
BOND, OTHER = "912810TL2", "912810RX8"
NAMES = Names(theirs={BOND: "THEIRS"}, ours={"THEIRS": BOND})


def said(message: WireOut, **content: Any) -> str:
    """Type and body of a message of ours."""
    found = outgoing.encode(message, formats.read(content), Names())
    assert found is not None
    return f"{found[0]}|" + "|".join(f"{tag}={value}" for tag, value in found[1])


def heard(kind: str, *pairs: tuple[int, Any]) -> Message:
    """A message of a venue's, written by another library."""
    one = simplefix.FixMessage()
    for tag, value in ((8, "FIX.4.4"), (35, kind), (49, "V"), (56, "OEMS"), (34, 7), (52, STAMP)):
        one.append_pair(tag, value)
    for tag, value in pairs:
        one.append_pair(tag, value)
    (found,), rest = codec.split(bytes(one.encode()))
    assert isinstance(found, Message)
    assert rest == b""
    return found


ASKED = {
    about: MarketDataRequest(kind="1", securities=(BOND,), about=about, md_req_id=about)
    for about in ("book", "top", "tape")
}


def read(message: Message, **content: Any) -> list[Any]:
    return list(market.read(message, formats.read(content), NAMES, ASKED))


class TestWhatWeAsk:
    def test_whole_books_with_updates(self) -> None:
        asked = MarketDataRequest(kind="1", securities=(BOND, OTHER), md_req_id="md-1")
        assert said(asked) == (
            "V|262=md-1|263=1|264=0|265=1|267=2|269=0|269=1|146=2|"
            f"55=[N/A]|48={BOND}|22=1|55=[N/A]|48={OTHER}|22=1"
        )

    def test_tops_and_tapes(self) -> None:
        top = MarketDataRequest(kind="1", securities=(BOND,), about="top", md_req_id="md-2")
        assert "|263=1|264=1|265=0|267=2|269=0|269=1|146=1|" in said(top)
        tape = MarketDataRequest(kind="0", securities=(BOND,), about="tape", md_req_id="md-3")
        assert "|263=0|264=0|267=1|269=2|146=1|" in said(tape)

    def test_an_inquiry_names_its_dealers(self) -> None:
        asked = QuoteRequest(
            quote_req_id="rq-1",
            security_id=BOND,
            side="1",
            order_qty=D(1_000_000),
            dealers=("DLR-A", "DLR-B"),
            transact_time=AT,
            expire_time=AT + timedelta(minutes=1),
        )
        assert said(asked) == (
            f"R|131=rq-1|146=1|55=[N/A]|48={BOND}|22=1|537=1|54=1|38=1000000|"
            f"126=20261123-15:01:00.250000|60={STAMP}|453=2|"
            "448=DLR-A|447=D|452=17|448=DLR-B|447=D|452=17"
        )

    @pytest.mark.parametrize(
        ("hits", "wanted"),
        [
            (
                "AJ",
                f"AJ|693=vo-1|117=Q7|694=1|11=vo-1|131=rq-1|55=[N/A]|48={BOND}|22=1|54=1|"
                f"60={STAMP}|38=1000|44=99.5",
            ),
            (
                "D",
                f"D|11=vo-1|55=[N/A]|48={BOND}|22=1|54=1|60={STAMP}|38=1000|40=D|44=99.5|59=4|"
                "117=Q7",
            ),
        ],
    )
    def test_a_hit_is_what_the_venue_wants_it_to_be(self, hits: str, wanted: str) -> None:
        assert said(_answer(QuoteRespType.HIT), hits=hits) == wanted

    def test_a_pass_is_never_an_order(self) -> None:
        text = said(_answer(QuoteRespType.PASS), hits="D")
        assert text.startswith("AJ|693=vo-1|117=Q7|694=6|131=rq-1|")


def _answer(kind: QuoteRespType) -> QuoteResponse:
    return QuoteResponse(
        cl_ord_id="vo-1",
        quote_req_id="rq-1",
        resp_type=kind,
        security_id=BOND,
        side="1",
        transact_time=AT,
        quote_id="Q7",
        order_qty=D(1_000),
        price=D("99.50"),
    )


class TestWhatVenuesTell:
    def test_a_whole_book_by_the_request_it_names(self) -> None:
        (book,) = read(
            heard(
                "W",
                *((262, "book"), (48, "THEIRS"), (22, 8), (83, 41), (268, 2)),
                *((269, 0), (278, "A"), (270, "99.5"), (271, 1000), (110, 100)),
                *((269, 1), (278, "B"), (270, "100"), (271, 2000)),
            )
        )
        assert isinstance(book, BookSnapshot)
        assert (book.security_id, book.rpt_seq, book.at) == (BOND, 41, AT)
        assert [(e.entry_type, e.entry_id, e.px, e.size, e.min_size) for e in book.entries] == [
            ("0", "A", D("99.5"), D(1000), D(100)),
            ("1", "B", D(100), D(2000), None),
        ]

    def test_changes_of_several_books_and_a_trade_in_one_message(self) -> None:
        found = read(
            heard(
                "X",
                *((262, "book"), (268, 4)),
                *((279, 0), (269, 0), (278, "A"), (48, "THEIRS"), (270, 99), (271, 5), (83, 7)),
                # Of the same security, under the same number and under the next one.
                *((279, 2), (269, 1), (278, "B"), (83, 7)),
                *((279, 1), (269, 1), (278, "C"), (270, 101), (271, 9), (83, 8)),
                *((279, 0), (269, 2), (278, "T1"), (48, OTHER), (270, 98), (271, 3), (83, 2)),
            )
        )
        first, second, trade = found
        assert isinstance(first, BookUpdate)
        assert (first.rpt_seq, [e.action for e in first.entries]) == (7, ["0", "2"])
        assert isinstance(second, BookUpdate)
        assert (second.security_id, second.rpt_seq) == (BOND, 8)
        assert isinstance(trade, TapeUpdate)
        assert (trade.security_id, trade.volume) == (OTHER, None)
        assert [(p.seq, p.trade_id, p.size, p.at) for p in trade.prints] == [(2, "T1", D(3), AT)]

    def test_a_tape_with_times_of_its_own_and_the_days_volume(self) -> None:
        (tape,) = read(
            heard(
                "W",
                *((262, "tape"), (48, "THEIRS"), (83, 9), (268, 2)),
                *((269, 2), (278, "T9"), (270, 99), (271, 500)),
                *((272, "20261123"), (273, "14:59:59.5"), (83, 9)),
                *((269, "B"), (271, 12_500), (272, "20261123")),
            )
        )
        assert isinstance(tape, TapeSnapshot)
        assert (tape.rpt_seq, tape.volume, tape.day) == (9, D(12_500), AT.date())
        assert tape.prints[0].at == datetime(2026, 11, 23, 14, 59, 59, 500_000, tzinfo=UTC)

    def test_entries_that_nothing_tells_apart_make_no_book(self) -> None:
        levels = [(262, "book"), (48, "THEIRS"), (83, 41), (268, 3)]
        for side, px in ((0, 99), (0, 98), (1, 100)):
            levels += [(269, side), (270, px), (271, 1000)]
        with pytest.raises(ValueError, match="278 is missing"):
            read(heard("W", *levels))

    def test_trades_without_names_stay_as_many_as_they_are(self) -> None:
        said = [(262, "tape"), (48, "THEIRS"), (83, 9), (268, 2)]
        for number, size in ((8, 500), (9, 700)):
            said += [(269, 2), (270, 99), (271, size), (83, number)]
        kept = Recorder("SIMA")
        kept.take(read(heard("W", *said)))
        tape = kept.tape(BOND)
        assert tape is not None
        assert [(one.seq, one.size) for one in tape.prints] == [(8, D(500)), (9, D(700))]

    @pytest.mark.parametrize(
        ("told_at", "printed", "at"),
        [
            ("20261123-15:00:00", "14:59:59.5", "2026-11-23T14:59:59.5+00:00"),
            ("20261123-00:00:01", "23:59:59", "2026-11-22T23:59:59+00:00"),
        ],
    )
    def test_a_time_without_its_date_is_the_last_one(
        self, told_at: str, printed: str, at: str
    ) -> None:
        one = [(279, 0), (269, 2), (278, "T"), (48, "THEIRS"), (270, 99), (271, 5), (83, 3)]
        (tape,) = read(heard("X", (60, told_at), (268, 1), *one, (273, printed)))
        assert tape.prints[0].at == datetime.fromisoformat(at)

    def test_the_day_of_a_tape_ends_at_midnight_in_new_york(self) -> None:
        one = [(279, 0), (269, 2), (278, "T"), (48, "THEIRS"), (270, 99), (271, 5), (83, 3)]
        (evening,) = read(heard("X", (60, "20261124-01:00:00"), (268, 1), *one))
        (later,) = read(heard("X", (60, "20261124-05:00:00"), (268, 1), *one))
        assert (evening.day, later.day) == (date(2026, 11, 23), date(2026, 11, 24))

    def test_a_top_tells_the_numbers_of_book_and_tape(self) -> None:
        (top,) = read(
            heard(
                "W",
                *((262, "top"), (48, "THEIRS"), (83, 41), (268, 2)),
                *((269, 1), (270, 100), (271, 2000), (269, "B"), (83, 9)),
            )
        )
        assert isinstance(top, Quote)
        assert (top.bid_px, top.ask_px, top.rpt_seq, top.tape_seq) == (None, D(100), 41, 9)

    def test_a_refusal_is_of_what_was_asked_under_its_id(self) -> None:
        (refused,) = read(heard("Y", (262, "tape"), (281, 8)))
        wanted = MarketDataRequestReject(securities=(BOND,), about="tape", reason="8", text="281=8")
        assert refused == wanted
        assert read(heard("Y", (262, "nobody's"), (281, 0))) == []

    def test_tags_that_a_venue_has_renamed_begin_its_groups_too(self) -> None:
        content = {"rename": {"X": {"279": "9279", "83": "9083"}}}
        (update,) = read(
            heard(
                "X",
                *((262, "book"), (268, 1)),
                *((9279, 2), (269, 0), (278, "A"), (48, "THEIRS"), (9083, 3)),
            ),
            **content,
        )
        assert (update.rpt_seq, update.entries[0].action) == (3, "2")

    @pytest.mark.parametrize(
        "odd",
        [
            ("W", [(262, "nobody's"), (48, BOND), (83, 1)]),
            ("W", [(262, "book"), (48, BOND)]),
            ("X", [(268, 1), (279, 0), (269, 0), (278, "A"), (48, BOND), (270, 1), (271, 1)]),
            ("X", [(268, 1), (279, 9), (269, 0), (278, "A"), (48, BOND), (83, 1)]),
            ("X", [(268, 1), (279, 0), (269, 2), (278, "T"), (48, BOND), (270, 1), (83, 1)]),
            ("X", [(268, 1), (279, 0), (269, 0), (48, BOND), (270, "9E99"), (83, 1)]),
        ],
        ids=str,
    )
    def test_what_cannot_be_read_is_told_as_that(self, odd: tuple[str, list[Any]]) -> None:
        with pytest.raises(
            ValueError,
            match=r"missing|no number|without|not asked|no action|not a valid|does not match",
        ):
            read(heard(odd[0], *odd[1]))

    def test_an_entry_of_a_kind_that_nobody_keeps_is_passed_over(self) -> None:
        assert read(heard("X", (268, 1), (279, 0), (269, 4), (48, BOND), (270, 1), (83, 1))) == []


class TestWhatIsRemembered:
    def test_what_is_told_for_ever_is_known_for_ever(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(asking, "MOST", 3)
        one = Asking(offered=True)

        def ask(kind: Any) -> str:
            (made,) = one.named([MarketDataRequest(kind=kind, securities=(BOND,), about="top")])
            assert isinstance(made, MarketDataRequest)
            return made.md_req_id

        lasting = [ask("1") for _ in range(5)]
        snapshots = [ask("0") for _ in range(5)]
        assert list(one.by_id) == [*lasting, *snapshots[2:]]


def answered(kind: str, *pairs: tuple[int, Any]) -> Any:
    return incoming.read(heard(kind, *pairs), formats.PLAIN, NAMES, seq=5).report


class TestWhatDealersSay:
    def test_a_buyer_is_told_the_offer_and_a_seller_the_bid(self) -> None:
        common = ((131, "rq-1"), (117, "Q7"), (453, 1), (448, "DLR-A"), (452, 17), (48, "THEIRS"))
        until = (62, "20261123-15:00:30")
        offer = answered("S", *common, (133, "99.5"), (135, 1000), until)
        assert isinstance(offer, DealerQuote)
        assert (offer.side, offer.px, offer.size, offer.dealer) == (
            "1",
            D("99.5"),
            D(1000),
            "DLR-A",
        )
        assert (offer.seq, offer.security_id, offer.round) == (5, BOND, 1)
        bid = answered("S", *common, (132, "99"), (134, 2000), until)
        assert (bid.side, bid.px, bid.size) == ("2", D(99), 2000)

    @pytest.mark.parametrize(
        ("said", "found"),
        [
            ([(54, 2), (132, 99), (134, 2000), (133, "99.5"), (135, 1000)], ("2", D(99), 2000)),
            ([(54, 1), (132, 99), (134, 2000), (133, "99.5"), (135, 1000)], ("1", D("99.5"), 1000)),
            # The other side is padded.
            ([(132, 99), (134, 2000), (133, 0), (135, 0)], ("2", D(99), 2000)),
            ([(132, 0), (134, 0), (133, "99.5"), (135, 1000)], ("1", D("99.5"), 1000)),
        ],
        ids=str,
    )
    def test_of_two_prices_the_one_for_our_side_counts(
        self, said: list[tuple[int, Any]], found: tuple[str, Decimal, int]
    ) -> None:
        common = ((131, "rq-1"), (117, "Q7"), (448, "DLR-A"), (48, "THEIRS"))
        quote = answered("S", *common, *said, (62, "20261123-15:00:30"))
        assert (quote.side, quote.px, quote.size) == found

    def test_a_pass_a_withdrawal_and_a_refusal(self) -> None:
        passed = answered("AI", (131, "rq-1"), (297, 11), (448, "DLR-A"))
        assert isinstance(passed, QuoteStatusReport)
        assert (passed.dealer, int(passed.quote_status)) == ("DLR-A", 11)
        gone = answered("Z", (131, "rq-1"), (117, "Q7"), (298, 1), (448, "DLR-A"), (58, "sorry"))
        assert isinstance(gone, QuoteCancel)
        assert (gone.quote_id, gone.text) == ("Q7", "sorry")
        refused = answered("AG", (131, "rq-1"), (658, 1))
        assert isinstance(refused, QuoteRequestReject)
        assert refused.reason == 1

    @pytest.mark.parametrize(
        ("kind", "pairs"),
        [
            ("S", [(131, "rq-1"), (117, "Q7"), (448, "A"), (62, "20261123-15:00:30")]),
            ("S", [(131, "rq-1"), (117, "Q7"), (448, "A"), (133, 1), (135, 1)]),
            ("S", [(117, "Q7"), (448, "A"), (133, 1), (135, 1), (62, "20261123-15:00:30")]),
            # Two prices, and nobody says whose.
            (
                "S",
                [
                    *((131, "rq-1"), (117, "Q7"), (448, "A"), (62, "20261123-15:00:30")),
                    *((132, 99), (134, 1), (133, 100), (135, 1)),
                ],
            ),
            ("AI", [(131, "rq-1"), (297, 99)]),
            ("Z", [(131, "rq-1")]),
        ],
        ids=str,
    )
    def test_half_an_answer_is_none(self, kind: str, pairs: list[Any]) -> None:
        with pytest.raises(
            ValueError,
            match=r"missing|no number|without|not asked|no action|not a valid|does not match",
        ):
            answered(kind, *pairs)

    def test_an_inquiry_that_the_venue_will_not_deal_with_is_refused(self) -> None:
        sent = heard("R", (131, "rq-1"), (48, BOND))
        told = heard("j", (45, 7), (372, "R"), (380, 3), (58, "not here"))
        found = incoming.refused(sent, told, formats.PLAIN, NAMES, seq=6)
        assert isinstance(found, QuoteRequestReject)
        assert (found.quote_req_id, found.reason, found.text) == ("rq-1", 99, "not here (35=j)")

    def test_a_hit_that_the_venue_will_not_deal_with_is_a_refused_order(self) -> None:
        sent = heard("AJ", (693, "vo-1"), (694, 1), (11, "vo-1"), (48, "THEIRS"), (54, 1), (38, 5))
        told = heard("3", (45, 7), (373, 1))
        assert incoming.is_answered(sent, formats.PLAIN)
        found: Any = incoming.refused(sent, told, formats.PLAIN, NAMES, seq=6)
        assert (found.cl_ord_id, found.exec_type, found.order_qty) == ("vo-1", "8", 5)
        passing = heard("AJ", (693, "vo-1"), (694, 6), (48, "THEIRS"))
        assert not incoming.is_answered(passing, formats.PLAIN)

    @pytest.mark.parametrize(
        "content",
        [{"rename": {"AJ": {"694": "9694"}}}, {"values": {"694": {"1": "HIT", "6": "PASS"}}}],
        ids=str,
    )
    def test_a_hit_in_the_venues_own_words_is_one_when_it_is_refused(
        self, content: dict[str, Any]
    ) -> None:
        def sent(kind: QuoteRespType) -> Message:
            found = outgoing.encode(_answer(kind), formats.read(content), Names())
            assert found is not None
            return heard(found[0], *found[1])

        format_ = formats.read(content)
        told = heard("3", (45, 7), (373, 1))
        assert incoming.is_answered(sent(QuoteRespType.HIT), format_)
        found: Any = incoming.refused(sent(QuoteRespType.HIT), told, format_, NAMES, seq=6)
        assert (found.cl_ord_id, found.exec_type) == ("vo-1", "8")
        assert not incoming.is_answered(sent(QuoteRespType.PASS), format_)
