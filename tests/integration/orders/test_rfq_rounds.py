"""Negotiation with dealers, the layers of their prices, and the log of what criteria decided."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from allocations.models import RiskGroup
from oms_site.firm import generation
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import desk
from orders.models import Quote, QuoteRound, Rfq
from orders.rfq import decisions, sweeping
from tests import quoting, trading
from tests.client import Api
from tests.quoting import BROAD, LOOK, SHY, SWIFT
from venues import messages
from venues.models import Outbound

pytestmark = pytest.mark.usefixtures("sandbox")
D = Decimal
BROKER = "ib_alpha_west"


def _counter(quote: Quote, price: str) -> dict[str, Any]:
    shown: dict[str, Any] = desk.counter(
        quote.rfq_id, quote.id, price=D(price), by=trading.person(), at=clock.now()
    )
    return shown


def _countered(price: str = "99.20") -> tuple[Rfq, Quote, QuoteRound]:
    rfq = quoting.ask(quoting.staged())
    quote = quoting.quoted(rfq, [(SWIFT, "99.30"), (BROAD, "99.35")])[SWIFT]
    _counter(quote, price)
    return rfq, quote, QuoteRound.objects.get(rfq=rfq)


def _again(rfq: Rfq, px: str) -> Quote:
    quoting.hear(quoting.said(rfq, SWIFT, px, round=2))
    return quoting.quotes(rfq)[SWIFT]


@pytest.mark.parametrize(
    ("px", "outcome"),
    [
        ("99.20", "accepted"),
        ("99.10", "accepted"),
        ("99.25", "improved"),
        ("99.30", "held"),
        ("99.40", "worsened"),
    ],
)
def test_a_counter_opens_a_round_that_the_dealers_next_price_closes(px: str, outcome: str) -> None:
    rfq, quote, row = _countered()
    assert (row.status, row.number, row.price, row.quote_id) == ("asked", 2, D("99.20"), quote.id)
    answer = _again(rfq, px)
    row = quoting.fresh(row)
    assert (row.status, row.answer_id) == (outcome, answer.id)
    assert quoting.fresh(quote).status == "replaced"
    assert quoting.hit(answer).error is None


def test_a_dealer_that_withdraws_or_passes_ends_the_round() -> None:
    rfq, quote, row = _countered()
    quoting.hear(quoting.withdrawal(quote))
    assert quoting.fresh(row).status == "withdrawn"
    rfq, quote, row = _countered()
    quoting.hear(quoting.passing(rfq, SWIFT))
    assert quoting.fresh(row).status == "withdrawn"
    assert quoting.fresh(quote).status == "withdrawn"


def test_who_passes_after_quoting_cannot_be_hit_any_more() -> None:
    rfq = quoting.ask(quoting.staged())
    quote = quoting.quoted(rfq, [(SWIFT, "99.30")])[SWIFT]
    quoting.hear(quoting.passing(rfq, SWIFT))
    refused = quoting.hit(quote).error
    assert refused is not None
    assert refused.code == "quote_canceled"


def test_a_round_that_nobody_answers_lapses_with_its_inquiry() -> None:
    rfq, _, row = _countered()
    desk.cancel_rfq(rfq.id, by=trading.person(), at=clock.now())
    assert quoting.fresh(row).status == "lapsed"


def test_a_trade_with_another_dealer_ends_the_round_and_ranks_the_quote() -> None:
    rfq, quote, row = _countered()
    other = quoting.quotes(rfq)[BROAD]
    made = quoting.hit(other)
    trading.receive(trading.fill(quoting.child(made), 3000, cum=3000), venue_id=quoting.VENUE)
    assert (quoting.fresh(row).status, quoting.fresh(quote).status) == ("lapsed", "done_away")


@pytest.mark.parametrize(
    ("price", "code"),
    [("99.30", "counter_no_better"), ("99.31", "counter_no_better")],
)
def test_a_counter_is_better_than_the_quote(price: str, code: str) -> None:
    quote = quoting.quoted(quoting.ask(quoting.staged()), [(SWIFT, "99.30")])[SWIFT]
    with pytest.raises(OmsError) as refused:
        _counter(quote, price)
    assert refused.value.code == code


def test_a_counter_that_could_not_be_hit_is_not_made() -> None:
    order_id = quoting.staged(limit_price=D("99.1"))
    quote = quoting.quoted(quoting.ask(order_id), [(SWIFT, "99.30")])[SWIFT]
    with pytest.raises(OmsError) as refused:
        _counter(quote, "99.2")
    assert refused.value.code == "counter_worse_than_limit"
    assert QuoteRound.objects.count() == 0


def test_quotes_that_criteria_hit_are_not_countered_by_hand() -> None:
    made = quoting.automatic(quoting.staged(), 3000, min_quotes=3)
    rfq = Rfq.objects.get(execution_order_id=made.execution_order_id)
    quote = quoting.quoted(rfq, [(SWIFT, "99.30")])[SWIFT]
    with pytest.raises(OmsError) as refused:
        _counter(quote, "99.2")
    assert refused.value.code == "rfq_is_automatic"


# --- layers ------------------------------------------------------------------------------------
def _fee(amount: str, recipient: str, kind: str = "markup") -> dict[str, Any]:
    return {
        "fee_schedule_id": "fs",
        "fee_schedule_asset_level_id": "fsal",
        "recipient_id": recipient,
        "fee_type": kind,
        "fee_amount_type": "percentage_of_par",
        "fee_amount": amount,
    }


def _marked(**changes: Any) -> str:
    """An order of a client whose risk group pays a markup to the house and to its broker."""
    RiskGroup.objects.filter(organization_id="alpha").update(
        fees=[_fee("0.10", "house"), _fee("0.05", BROKER), _fee("0.02", "house", "commission")]
    )
    generation.check()
    group = RiskGroup.objects.filter(organization_id="alpha").order_by("id").first()
    assert group is not None
    return quoting.staged(ib_id=BROKER, risk_group_id=group.id, **changes)


def test_the_client_sees_its_own_layer_and_who_oversees_sees_all(api: Callable[[str], Api]) -> None:
    rfq = quoting.ask(_marked())
    quote = quoting.quoted(rfq, [(SWIFT, "99.30")])[SWIFT]
    assert (quote.price, quote.ib_price, quote.user_price) == (D("99.30"), D("99.40"), D("99.45"))
    for path in (f"/v1/trading/rfq/{rfq.id}/", f"/v1/trading/quote/{quote.id}/"):
        _, mine = api("alpha_trader").get(path)
        shown = mine["quotes"][0] if "quotes" in mine else mine
        assert (shown["price"], "price_layers" in shown) == (99.45, False)
        assert 99.3 not in shown.values()
        for overseer in ("alpha_compliance", "alpha_ops"):
            _, seen = api(overseer).get(path)
            seen = seen["quotes"][0] if "quotes" in seen else seen
            assert seen["price_layers"] == {
                "street": 99.3,
                "introducing_broker": 99.4,
                "user": 99.45,
            }


def test_a_seller_gets_less_by_every_markup() -> None:
    rfq = quoting.ask(_marked(side="sell", limit_price=D("99")))
    quoting.hear(quoting.said(rfq, SWIFT, "99.30", side="2"))
    quote = quoting.quotes(rfq)[SWIFT]
    assert (quote.price, quote.ib_price, quote.user_price) == (D("99.30"), D("99.20"), D("99.15"))


def test_a_limit_is_the_clients_and_a_hit_tells_the_dealer_its_own_price() -> None:
    rfq = quoting.ask(_marked(limit_price=D("99.45")))
    found = quoting.quoted(rfq, [(SWIFT, "99.30"), (BROAD, "99.31")])
    refused = quoting.hit(found[BROAD]).error
    assert refused is not None
    assert refused.code == "quote_worse_than_limit"
    assert quoting.hit(found[SWIFT]).error is None
    sent = Outbound.objects.filter(kind="AJ1").order_by("id").last()
    assert sent is not None
    hit = messages.decode_outgoing(sent.body)
    assert isinstance(hit, messages.QuoteResponse)
    assert hit.price == D("99.30")


def test_a_counter_is_asked_in_the_clients_price_and_told_on_the_street() -> None:
    rfq = quoting.ask(_marked())
    quote = quoting.quoted(rfq, [(SWIFT, "99.30")])[SWIFT]
    shown = _counter(quote, "99.40")
    assert shown["counter_price"] == D("99.4")
    row = QuoteRound.objects.get()
    assert (row.price, row.street_price) == (D("99.40"), D("99.25"))
    quoting.hear(quoting.said(rfq, SWIFT, "99.25", round=2))
    assert quoting.fresh(row).status == "accepted"
    assert quoting.quotes(rfq)[SWIFT].user_price == D("99.40")


# --- AutoEx ------------------------------------------------------------------------------------
def _automatic(**rules: Any) -> Rfq:
    made = quoting.automatic(quoting.staged(), 3000, **rules)
    return Rfq.objects.get(execution_order_id=made.execution_order_id)


def test_criteria_wait_for_dealers_and_a_pass_is_an_answer() -> None:
    rfq = _automatic(min_dealers=3)
    quoting.quoted(rfq, [(SWIFT, "99.30"), (BROAD, "99.35")])
    sweeping.sweep()
    assert quoting.fresh(rfq).status == "quoting"
    quoting.hear(quoting.passing(rfq, LOOK))
    sweeping.sweep()
    assert quoting.fresh(rfq).status == "executing"
    waited, hit = decisions.of_inquiry(rfq)
    assert waited["reason"] == "2 of at least 3 dealers have answered"
    assert "2 of 3 dealers have answered, at least 3 are asked for: not met." in waited["words"]
    assert "3 of 3 dealers have answered, at least 3 are asked for: met." in hit["words"]
    assert (waited["outcome"], hit["outcome"]) == ("waited", "hit")


def test_the_log_says_that_the_books_were_left_out_or_what_they_had(
    api: Callable[[str], Api],
) -> None:
    skipping, looking = _automatic(skip_lob_quotes=True), _automatic(skip_lob_quotes=False)
    for rfq in (skipping, looking):
        quoting.quoted(rfq, [(SWIFT, "99.30")])
    sweeping.sweep()
    _, page = api("alpha_trader").get(f"/v1/trading/rfq/{skipping.id}/decision/")
    said = page["decisions"]
    assert "Quotes of the order books were left out (skip_lob_quotes)." in said[-1]["words"]
    assert said[-1]["seen"][0]["price"] == 99.3
    words = decisions.of_inquiry(looking)[-1]["words"]
    assert any(word.startswith("The order books") for word in words)
    assert not any("left out" in word for word in words)


def test_the_tolerance_to_the_benchmark_is_told_with_its_figures() -> None:
    rfq = _automatic(max_spread_to_reference_bps=D("0.5"))
    quoting.quoted(rfq, [(SWIFT, "99.49")])
    sweeping.sweep()
    (entry,) = decisions.of_inquiry(rfq)
    assert any("reference price" in word for word in entry["words"])


def test_unknown_dealers_are_no_answers() -> None:
    rfq = _automatic(min_dealers=1)
    quoting.hear(quoting.passing(rfq, SHY))
    assert quoting.fresh(rfq).status in {"sent", "quoting"}
    assert Quote.objects.filter(rfq=rfq).count() == 0
