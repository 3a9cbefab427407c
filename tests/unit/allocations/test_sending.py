"""What the answers of a custodian mean, and how trouble with one leg spares the others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from allocations import adapters, sending
from allocations.accounts import CustodianFacts
from allocations.custodians.asking import Deferred
from allocations.custodians.port import (
    Booked,
    BookingInstruction,
    CustodianError,
    CustodianPosition,
    Refused,
)
from allocations.sending import Answer, Broken

BNY = CustodianFacts("cust_bny", "BNY", "fake", active=True)
SILENT = CustodianError("custodian_silent", "no answer", in_doubt=True)
DOWN = CustodianError("custodian_unreachable", "refused")


class Fake:
    """A custodian whose answers are functions of the key."""

    def __init__(
        self,
        book: Callable[[str], Booked | Refused],
        find: Callable[[str], Booked | None] = lambda key: None,
    ) -> None:
        self.book_key, self.find = book, find
        self.asked: list[str] = []

    def book(self, instruction: BookingInstruction) -> Booked | Refused:
        self.asked.append(instruction.key)
        return self.book_key(instruction.key)

    def positions(self, *, as_of: date) -> list[CustodianPosition]:
        return []


def leg(key: str) -> BookingInstruction:
    zero, day = Decimal(0), date(2026, 3, 2)
    return BookingInstruction(
        key=key,
        leg_id=key,
        account="A",
        cusip="912810SX7",
        side="1",
        qty=Decimal(1000),
        price=Decimal(99),
        principal=zero,
        accrued_interest=zero,
        net_money=zero,
        trade_date=day,
        settlement_date=day,
    )


def fails(error: Exception) -> Callable[[str], Booked]:
    def book(key: str) -> Booked:
        raise error

    return book


def ask(monkeypatch: pytest.MonkeyPatch, fake: Fake, *keys: str) -> dict[str, Answer]:
    monkeypatch.setitem(adapters.ADAPTERS, "fake", lambda custodian: fake)
    return sending.send(BNY, [leg(key) for key in keys])


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        (lambda key: Booked("ref"), Booked("ref")),
        (lambda key: Refused("NO", "never"), Refused("NO", "never")),
        (lambda key: Refused("LATER", "busy", permanent=False), Deferred("LATER", "busy")),
        (fails(DOWN), Deferred("custodian_unreachable", "refused")),
        (fails(SILENT), Deferred("custodian_silent", "no answer")),
        (fails(CustodianError("bad", "400", permanent=True)), Broken("bad", "400")),
    ],
)
def test_an_answer_has_one_meaning(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[[str], Booked], meaning: Answer
) -> None:
    assert ask(monkeypatch, Fake(answer), "k") == {"k": meaning}


@pytest.mark.parametrize(
    "answer", [fails(SILENT), fails(KeyError("ref")), lambda key: Refused("KEY_CONFLICT", "known")]
)
def test_a_booking_whose_answer_got_lost_is_found(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[[str], Booked | Refused]
) -> None:
    fake = Fake(answer, find=lambda key: Booked("had it"))
    assert ask(monkeypatch, fake, "k") == {"k": Booked("had it")}


def test_an_adapter_that_breaks_leaves_its_leg_for_later(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = ask(monkeypatch, Fake(fails(ZeroDivisionError("oops"))), "k")
    assert answers["k"] == Deferred("adapter_broken", "ZeroDivisionError('oops')")


@pytest.mark.parametrize(
    ("trouble", "waits"),
    [
        (CustodianError("acknowledgement_awaited", "not yet", in_doubt=True, waits=True), True),
        (CustodianError("custodian_silent", "not yet"), False),
        (KeyError("not yet"), False),
    ],
)
def test_a_refusal_counts_only_once_it_is_known_that_nothing_was_booked(
    monkeypatch: pytest.MonkeyPatch, trouble: Exception, waits: bool
) -> None:
    fake = Fake(lambda key: Refused("KEY_CONFLICT", "known"), find=fails(trouble))
    answer = ask(monkeypatch, fake, "k")["k"]
    assert isinstance(answer, Deferred)
    assert (answer.code, answer.called, answer.waits) == ("refusal_unconfirmed", True, waits)
    assert "not yet" in answer.reason


def test_after_the_first_trouble_no_further_leg_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "CONCURRENCY", 1)
    fake = Fake(fails(DOWN))
    answers = ask(monkeypatch, fake, "k1", "k2", "k3")
    assert fake.asked == ["k1"]
    assert [isinstance(a, Deferred) and a.called for a in answers.values()] == [True, False, False]


def test_a_refused_leg_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "CONCURRENCY", 1)
    fake = Fake(lambda key: Refused("NO", "never") if key == "k1" else Booked(key))
    assert ask(monkeypatch, fake, "k1", "k2")["k2"] == Booked("k2")


def test_an_unknown_adapter_needs_a_person() -> None:
    answers = sending.send(CustodianFacts("c", "C", "carrier-pigeon", active=True), [leg("k")])
    answer = answers["k"]
    assert isinstance(answer, Broken)
    assert answer.code == "adapter_unknown"
