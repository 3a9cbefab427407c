"""The guide's RFQ addresses: shapes, refusals with codes, ids used twice, foreign ids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from oms_site.kit import clock
from orders.models import Rfq
from tests import quoting, trading
from tests.quoting import BROAD, LOOK, SWIFT

pytestmark = [pytest.mark.usefixtures("sandbox"), pytest.mark.django_db]
Api = Callable[..., Any]
RFQ = "/v1/trading/rfq/"


def _staged(trader: Any, **changes: Any) -> str:
    status, order = trader.submit(bypass_auto_execution=True, **changes)
    assert status == 201
    return str(order["id"])


def _asked(trader: Any, order_id: str, **changes: Any) -> Any:
    status, rfq = trader.post(
        RFQ, {"order_id": order_id, "dealers": [SWIFT, BROAD, LOOK], **changes}
    )
    assert status == 202, rfq
    return rfq


def test_dealers_are_asked_and_a_quote_is_hit(api: Api) -> None:
    trader = api("alpha_trader")
    order_id = _staged(trader)
    rfq = _asked(trader, order_id)
    assert (rfq["status"], rfq["bidding"]) == ("sent", "asap")
    assert rfq["amount"] == {"type": "par", "value": 3000, "par": 3000}
    row = Rfq.objects.get(pk=rfq["id"])
    quoting.quoted(row, ((SWIFT, "99.30"), (LOOK, "99.25")))
    status, shown = trader.get(f"{RFQ}{rfq['id']}/")
    assert (status, shown["status"]) == (200, "quoting")
    best = min(shown["quotes"], key=lambda quote: quote["price"])
    assert (best["dealer"], best["price"]) == ("Lookout Securities", 99.25)
    status, made = trader.post(
        f"/v1/trading/order/{order_id}/execution-order/rfq/manual/",
        {"quote_id": best["id"], "amount": {"par": 3000}, "client_execution_order_id": "eo-1"},
    )
    assert (status, made["protocol"], made["strategy"]) == (202, "rfq", "manual")
    assert made["status"] == "pending_execution"
    again, replay = trader.post(
        f"/v1/trading/order/{order_id}/execution-order/rfq/manual/",
        {"quote_id": best["id"], "amount": {"par": 3000}, "client_execution_order_id": "eo-1"},
    )
    assert (again, replay["id"]) == (200, made["id"])
    status, quote = trader.get(f"/v1/trading/quote/{best['id']}/")
    assert (status, quote["status"]) == (200, "hit")


def test_autoex_takes_its_criteria_and_refuses_bad_ones(api: Api) -> None:
    trader = api("alpha_trader")
    order_id = _staged(trader)
    path = f"/v1/trading/order/{order_id}/execution-order/rfq/autoex/"
    status, error = trader.post(
        path,
        {
            "amount": {"par": 3000},
            "execution_criteria": {"min_quotes": 0},
            "exit_criteria": {"fallback": "hope", "max_duration_s": 1.5},
        },
    )
    assert status == 422
    assert {d["field"]: d["code"] for d in error["error_details"]} == {
        "execution_criteria.min_quotes": "out_of_range",
        "exit_criteria.fallback": "invalid_choice",
        "exit_criteria.max_duration_s": "too_many_places",
    }
    status, made = trader.post(
        path,
        {
            "amount": {"par": 3000},
            "execution_criteria": {"min_quotes": 2, "max_spread_to_reference_bps": 12.5},
            "exit_criteria": {"fallback": "sor", "max_duration_s": 60},
            "skip_lob_quotes": True,
        },
    )
    assert (status, made["strategy"]) == (202, "auto_ex")
    row = Rfq.objects.get(execution_order_id=made["id"])
    assert row.criteria["max_spread_to_reference_bps"] == "12.5"
    assert (row.expires_at - row.created_at).total_seconds() == 60


@pytest.mark.parametrize("name", ["min_quotes", "min_dealers"])
def test_criteria_that_wait_for_more_dealers_than_are_asked_are_refused(
    api: Api, name: str
) -> None:
    trader = api("alpha_trader")
    order_id = _staged(trader)
    path = f"/v1/trading/order/{order_id}/execution-order/rfq/autoex/"
    body = {"amount": {"par": 3000}, "dealers": [SWIFT, BROAD], "execution_criteria": {name: 3}}
    status, error = trader.post(path, body)
    assert (status, error["code"]) == (422, f"{name}_unreachable")
    (fault,) = error["error_details"]
    assert fault["field"] == f"execution_criteria.{name}"
    assert fault["message"].endswith(" are waited for, and 2 dealers are asked.")
    assert not Rfq.objects.filter(order_id=order_id).exists()
    # In a list each has its own outcome.
    batch = {"rfqs": [{"order_id": order_id, **body}]}
    status, told = trader.post("/v1/trading/list-rfq/batch/", batch)
    assert f"{name}_unreachable" in str(told)
    # Where we choose the dealers, those count that could be asked now.
    everybody = {**body, "dealers": None, "execution_criteria": {name: 50}}
    status, error = trader.post(path, everybody)
    assert (status, error["code"]) == (422, f"{name}_unreachable")
    enough = {**body, "execution_criteria": {name: 2}}
    assert trader.post(path, enough)[0] == 202


def test_a_client_rfq_id_is_one_inquiry_for_ever(api: Api) -> None:
    trader = api("alpha_trader")
    order_id = _staged(trader)
    first = _asked(trader, order_id, client_rfq_id="r-1")
    body = {"order_id": order_id, "dealers": [SWIFT, BROAD, LOOK], "client_rfq_id": "r-1"}
    status, again = trader.post(RFQ, body)
    assert (status, again["id"]) == (200, first["id"])
    status, error = trader.post(RFQ, {**body, "dealers": [SWIFT]})
    assert (status, error["code"]) == (409, "idempotency_conflict")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"dealers": ["DLR-NONE"]}, "dealer_not_found"),
        ({"dealers": "all"}, "invalid_dealers"),
        ({"bidding": "bin"}, "due_time_invalid"),
        ({"expire_time": "2026-11-23T15:00:00Z"}, "expire_time_invalid"),
        ({"expire_time": "2027-01-01T00:00:00Z"}, "expire_time_invalid"),
        ({"amount": {"par": 9000}}, "exceeds_open_quantity"),
        ({"amount": {"par": 1}}, "below_min_denomination"),
        ({"amount": {"shares": 3000}}, "amount_type_differs"),
        ({"colour": "red"}, "unknown_field"),
    ],
)
def test_an_inquiry_that_may_not_be_is_refused_with_its_code(
    api: Api, change: dict[str, Any], code: str
) -> None:
    trader = api("alpha_trader")
    status, error = trader.post(RFQ, {"order_id": _staged(trader), **change})
    assert status == 422
    assert code in {error["code"], *(d["code"] for d in error["error_details"])}
    assert not Rfq.objects.exists()


def test_a_foreign_inquiry_does_not_exist(api: Api) -> None:
    rfq = _asked(api("alpha_trader"), _staged(api("alpha_trader")))
    quote = quoting.quoted(Rfq.objects.get(pk=rfq["id"]), ((LOOK, "99.25"),))[LOOK]
    stranger = api("beta_trader")
    for method, path in (
        ("GET", f"{RFQ}{rfq['id']}/"),
        ("DELETE", f"{RFQ}{rfq['id']}/"),
        ("GET", f"/v1/trading/quote/{quote.id}/"),
        ("GET", f"{RFQ}{rfq['id']}/event/"),
    ):
        assert stranger(method, path)[0] == 404, path
    assert stranger.get(RFQ)[1] == {"rfqs": []}
    status, _ = stranger.post(f"{RFQ}{rfq['id']}/quote/{quote.id}/counter/", {"price": 99})
    assert status == 404
    status, _ = stranger.post(RFQ, {"order_id": rfq["order_id"]})
    assert status == 404


def test_a_quote_of_another_order_cannot_be_hit(api: Api) -> None:
    trader = api("alpha_trader")
    rfq = quoting.ask(quoting.staged())
    quote = quoting.quoted(rfq, ((LOOK, "99.25"),))[LOOK]
    status, _ = trader.post(
        f"/v1/trading/order/{_staged(trader)}/execution-order/rfq/manual/",
        {"quote_id": quote.id, "amount": {"par": 3000}},
    )
    assert status == 404


def test_a_list_has_an_outcome_for_each_line(api: Api) -> None:
    trader = api("alpha_trader")
    good, bad = _staged(trader), _staged(trader)
    status, answer = trader.post(
        "/v1/trading/list-rfq/",
        {"rfqs": [{"order_id": good}, {"order_id": bad, "amount": {"par": 9000}}]},
    )
    assert status == 202
    assert [line["status"] for line in answer["results"]] == [202, 422]
    listed = trader.get(f"{RFQ}?list_rfq_id={answer['list_rfq_id']}")[1]["rfqs"]
    assert [one["order_id"] for one in listed] == [good]


def test_a_batch_makes_an_autoex_order_per_line(api: Api) -> None:
    trader = api("alpha_trader")
    good, bad = _staged(trader), _staged(trader)
    status, answer = trader.post(
        "/v1/trading/list-rfq/batch/",
        {
            "rfqs": [
                {"order_id": good, "amount": {"par": 3000}},
                {"order_id": bad, "amount": {"par": 9000}},
            ]
        },
    )
    assert status == 202
    assert [line["status"] for line in answer["results"]] == [202, 422]
    assert answer["results"][0]["execution_order"]["strategy"] == "auto_ex"


def test_an_inquiry_is_canceled_over_the_api(api: Api) -> None:
    trader = api("alpha_trader")
    rfq = _asked(trader, _staged(trader))
    status, answer = trader.delete(f"{RFQ}{rfq['id']}/")
    assert (status, answer["outcome"]) == (202, "canceled")
    status, answer = trader.delete(f"{RFQ}{rfq['id']}/")
    assert (status, answer["outcome"], answer["code"]) == (202, "refused", 0)


def test_who_may_not_route_may_not_ask(api: Api) -> None:
    order_id = _staged(api("alpha_trader"))
    status, _ = api("alpha_auditor").post(RFQ, {"order_id": order_id})
    assert status == 403


def test_dealers_are_listed_for_those_who_choose(api: Api) -> None:
    status, answer = api("alpha_trader").get("/v1/trading/dealer/")
    assert status == 200
    assert {one["id"] for one in answer["dealers"]} >= {SWIFT, BROAD, LOOK}


def test_a_flagged_order_asks_nobody() -> None:
    order_id = trading.submit(limit_price=quoting.D(92))
    from orders import desk
    from orders.rfq.asking import RfqAsk

    (result,) = desk.ask([RfqAsk(order_id=order_id)], by=trading.person(), at=clock.now())
    assert result.error is not None
    assert result.error.code == "not_cleared"
