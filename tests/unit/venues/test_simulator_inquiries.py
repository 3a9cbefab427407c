"""The dealers of the simulated quote venue: each by its character, the same after a restart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from venues import catalog, messages
from venues.messages import (
    DealerQuote,
    ExecutionReport,
    QuoteCancel,
    QuoteRequest,
    QuoteRequestReject,
    QuoteResponse,
    QuoteRespType,
    QuoteStatusReport,
)
from venues.simulator.dealers import DEALERS
from venues.simulator.exchange import Exchange
from venues.simulator.journal import Journal
from venues.simulator.market import Market
from venues.simulator.register import Register

AT = datetime(2026, 11, 23, 15, tzinfo=UTC)
D = Decimal
APPLE = "037833DP2"


class Floor:
    """An exchange whose time is moved by hand."""

    def __init__(self, register: Register | None = None) -> None:
        self.market = Market(catalog.listings(), seed="SIMQ")
        self.exchange = Exchange(register or Register("SIMQ"), self.market)
        self.said: list[Any] = []

    def send(self, message: Any, at: datetime = AT) -> list[Any]:
        self.exchange.handle(message, at)
        return self.hear()

    def until(self, seconds: float) -> list[Any]:
        """Everything said by then, a tenth of a second at a time."""
        heard = []
        for tenth in range(int(seconds * 10) + 1):
            self.exchange.tick(AT + timedelta(seconds=tenth / 10))
            heard += self.hear()
        return heard

    def hear(self) -> list[Any]:
        new = [report for report, _ in self.exchange.take()]
        self.said += new
        return new


def ask(**changes: Any) -> QuoteRequest:
    terms: dict[str, Any] = {
        "quote_req_id": "R1",
        "security_id": APPLE,
        "side": "1",
        "order_qty": D(100_000),
        "dealers": tuple(DEALERS),
        "transact_time": AT,
        "expire_time": AT + timedelta(seconds=60),
    }
    return QuoteRequest(**{**terms, **changes})


def respond(quote: DealerQuote, word: QuoteRespType, **changes: Any) -> QuoteResponse:
    terms: dict[str, Any] = {
        "cl_ord_id": f"C-{quote.quote_id}",
        "quote_req_id": quote.quote_req_id,
        "resp_type": word,
        "security_id": quote.security_id,
        "side": quote.side,
        "transact_time": AT,
        "quote_id": quote.quote_id,
        "order_qty": quote.size,
        "price": quote.px,
    }
    return QuoteResponse(**{**terms, **changes})


def quotes(said: list[Any]) -> dict[str, DealerQuote]:
    return {one.dealer: one for one in said if isinstance(one, DealerQuote)}


def test_every_dealer_answers_by_its_character() -> None:
    floor = Floor()
    (taken,) = floor.send(ask())
    assert isinstance(taken, QuoteStatusReport)
    said = floor.until(2)
    made = quotes(said)
    assert list(made) == ["DLR-SWIFT", "DLR-LOOK", "DLR-FICKLE", "DLR-BROAD"]
    assert [r.dealer for r in said if isinstance(r, QuoteStatusReport)] == ["DLR-SHY"]
    middle = floor.market.reference(APPLE)
    assert middle < made["DLR-LOOK"].px < made["DLR-SWIFT"].px < made["DLR-BROAD"].px


def test_the_same_venue_gives_the_same_prices() -> None:
    first, second = Floor(), Floor()
    for floor, name in ((first, "R1"), (second, "R2")):
        floor.send(ask(quote_req_id=name))
        floor.until(2)
    prices = [{k: q.px for k, q in quotes(floor.said).items()} for floor in (first, second)]
    assert prices[0] == prices[1]


def test_a_fickle_dealer_moves_and_leaves() -> None:
    floor = Floor()
    floor.send(ask(dealers=("DLR-FICKLE",)))
    said = floor.until(12)
    first, second = (one for one in said if isinstance(one, DealerQuote))
    assert (second.replaces, second.round) == (first.quote_id, 2)
    assert isinstance(said[-1], QuoteCancel)
    assert said[-1].quote_id == second.quote_id


@pytest.mark.parametrize(
    ("dealer", "part"), [("DLR-LOOK", D(1)), ("DLR-BROAD", D("0.5")), ("DLR-SWIFT", D(0))]
)
def test_a_dealer_accepts_a_counter_or_meets_it_half_way_or_holds(dealer: str, part: D) -> None:
    floor = Floor()
    floor.send(ask(dealers=(dealer,)))
    first = quotes(floor.until(1))[dealer]
    asked = first.px - D("0.100")
    floor.send(respond(first, QuoteRespType.COUNTER, price=asked))
    answer = quotes(floor.until(2))[dealer]
    assert answer.px == first.px + part * (asked - first.px)
    assert (answer.round, answer.replaces) == (2, first.quote_id)


def test_a_fickle_dealer_withdraws_when_it_is_countered() -> None:
    floor = Floor()
    floor.send(ask(dealers=("DLR-FICKLE",)))
    first = quotes(floor.until(1))["DLR-FICKLE"]
    floor.send(respond(first, QuoteRespType.COUNTER, price=first.px - D("0.100")))
    said = floor.until(2)
    assert isinstance(said[-1], QuoteCancel)
    assert said[-1].quote_id == first.quote_id


@pytest.mark.parametrize(("qty", "status"), [(D(1_000_000), "2"), (D(1_001_000), "8")])
def test_a_last_look_fills_small_hits_and_refuses_large_ones(qty: Decimal, status: str) -> None:
    floor = Floor()
    floor.send(ask(dealers=("DLR-LOOK",), order_qty=qty))
    quote = quotes(floor.until(1))["DLR-LOOK"]
    at = AT + timedelta(seconds=1)
    (new,) = floor.send(respond(quote, QuoteRespType.HIT), at)
    assert (new.exec_type, new.ord_status) == ("0", "0")
    reports = [one for one in floor.until(3) if isinstance(one, ExecutionReport)]
    assert [one.ord_status for one in reports] == [status]
    if status == "2":
        assert reports[0].last_px == quote.px


@pytest.mark.parametrize(
    ("changes", "seconds", "text"),
    [
        ({"price": D(1)}, 1, "not the quoted price and size"),
        ({"order_qty": D(10_000_000)}, 1, "not the quoted price and size"),
        ({"quote_id": "none"}, 1, "no such quote"),
        ({}, 45, "the quote has expired"),
    ],
)
def test_a_hit_that_does_not_fit_is_refused(
    changes: dict[str, Any], seconds: int, text: str
) -> None:
    floor = Floor()
    floor.send(ask(dealers=("DLR-SWIFT",)))
    quote = quotes(floor.until(1))["DLR-SWIFT"]
    hit = respond(quote, QuoteRespType.HIT, **changes)
    (refused,) = floor.send(hit, AT + timedelta(seconds=seconds))
    assert (refused.exec_type, refused.text) == ("8", text)


def test_the_same_hit_twice_is_one_order() -> None:
    floor = Floor()
    floor.send(ask(dealers=("DLR-SWIFT",)))
    hit = respond(quotes(floor.until(1))["DLR-SWIFT"], QuoteRespType.HIT)
    floor.send(hit, AT + timedelta(seconds=1))
    (status,) = floor.send(hit, AT + timedelta(seconds=1))
    assert status.exec_type == "I"
    assert len({id(order) for order in floor.exchange.register.orders.values()}) == 1


def test_a_security_without_inquiries_is_refused() -> None:
    (refused,) = Floor().send(ask(security_id="91502PAP1"))
    assert isinstance(refused, QuoteRequestReject)


def test_bin_bidding_answers_all_at_once() -> None:
    floor = Floor()
    floor.send(ask(bidding="bin", due_time=AT + timedelta(seconds=3)))
    assert not quotes(floor.until(2.8))
    assert len(quotes(floor.until(3.2))) == 4


def test_an_inquiry_goes_on_after_a_restart(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "SIMQ")
    floor = Floor(journal.register)
    asked = ask()
    floor.send(asked)
    floor.until(0.2)
    for one in (asked, *floor.said):
        journal.add(messages.encode(one))
    journal.write(AT)
    journal.close()
    again = Journal(tmp_path, "SIMQ")
    restarted = Floor(again.register)
    after = restarted.until(1)
    again.close()
    # Who answered before the restart does not answer again.
    assert set(quotes(floor.said)) & set(quotes(after)) == set()
    assert len(quotes(floor.said)) + len(quotes(after)) == 4
    assert again.last_seq == len(floor.said)
