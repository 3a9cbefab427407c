"""The desk's pages and rows: who may see what, and how few questions they ask the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from oms_site.firm.models import User
from orders import picture

pytestmark = pytest.mark.django_db


def _browser(username: str) -> Client:
    client = Client()
    client.force_login(User.objects.get(username=username))
    return client


def test_the_desk_asks_strangers_to_log_in(sandbox: object) -> None:
    answer = Client().get("/desk/")
    assert answer.status_code == 302
    assert answer["Location"] == "/login/?next=/desk/"


def test_somebody_without_an_organization_is_told_what_is_missing(sandbox: object) -> None:
    User.objects.create_user("visitor", password="x")
    answer = _browser("visitor").get("/desk/")
    assert answer.status_code == 403
    assert b"order.view" in answer.content


def test_another_firms_order_is_neither_a_page_nor_a_panel_nor_found(
    api: Callable[..., Any],
) -> None:
    _, made = api("alpha_trader").submit(client_order_id="hidden")
    stranger = _browser("beta_trader")
    for path in (
        f"/desk/orders/{made['id']}/",
        f"/desk/orders/{made['id']}/?part=panel",
        f"/desk/orders/{made['id']}/?tab=raw",
        f"/desk/find/?q={made['id']}",
        "/desk/find/?q=hidden",
    ):
        assert stranger.get(path).status_code == 404
    assert picture.rows("beta", [made["id"]]) == []
    assert _browser("alpha_auditor").get(f"/desk/orders/{made['id']}/").status_code == 200


def test_every_page_of_the_desk_keeps_the_strict_policy(api: Callable[..., Any]) -> None:
    _, made = api("alpha_trader").submit()
    browser = _browser("alpha_trader")
    for path in ("/login/", "/desk/", f"/desk/orders/{made['id']}/", "/desk/orders/none/"):
        policy = browser.get(path, follow=True)["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "default-src 'self'" in policy


def test_the_picture_takes_the_same_few_queries_for_many_orders(api: Callable[..., Any]) -> None:
    trader = api("alpha_trader")

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            picture.newest("alpha", day=picture.today())
        return len(asked)

    trader.submit(client_order_id="first")
    before = queries()
    for n in range(5):
        trader.submit(client_order_id=f"more-{n}", limit_price=99 + n / 10)
    assert queries() == before <= 4


def test_a_row_says_what_the_order_is_and_where_it_waits(api: Callable[..., Any]) -> None:
    trader = api("alpha_trader")
    _, staged = trader.submit(client_order_id="staged", bypass_auto_execution=True)
    _, flagged = trader.submit(client_order_id="flagged", limit_price=106)
    rows = {row["coid"]: row for row in picture.rows("alpha", [staged["id"], flagged["id"]])}
    assert rows["staged"]["status"] == "staged"
    assert rows["staged"]["lim"] == "99.500"
    assert rows["staged"]["acct"] == "ALPHA-001"
    assert rows["flagged"]["status"] == "review"
    assert "Limit 106.000" in rows["flagged"]["why"]


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"type": "stop", "stop_price": 104}, "Stop at 104.000"),
        ({"type": "stop_limit", "stop_price": 103, "limit_price": 103.5}, "Stop at 103.000"),
        ({"type": "market_if_touched", "stop_price": 95}, "If touched at 95.000"),
    ],
)
def test_a_row_says_for_which_price_an_order_waits(
    api: Callable[..., Any], terms: dict[str, Any], said: str
) -> None:
    asked = {"limit_price": None, "account_id": "beta-002", **terms}
    _, made = api("beta_trader").submit(**asked)
    (row,) = picture.rows("beta", [made["id"]])
    assert row["why"] == said


def test_the_legs_of_a_bracket_say_that_their_list_holds_them(api: Callable[..., Any]) -> None:
    common = {"instrument_id": "037833DP2", "account_id": "beta-002", "amount": {"par": 1000}}
    legs = [
        {**common, "side": "buy", "type": "limit", "limit_price": 99},
        {**common, "side": "sell", "type": "limit", "limit_price": 101},
        {**common, "side": "sell", "type": "stop", "stop_price": 97},
    ]
    _, made = api("beta_trader").post(
        "/v1/trading/order-list/", {"contingency_type": "bracket", "orders": legs}
    )
    ids = [line["order"]["id"] for line in made["orders"]]
    said = {row["id"]: row["why"] for row in picture.rows("beta", ids)}
    assert [said[one] for one in ids[1:]] == ["Held by its list", "Held by its list"]
