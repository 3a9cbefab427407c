"""Sleeves keep books of their own; their account's are theirs and its own together, to the cent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from allocations import corporate_actions, margin
from allocations.holdings.documents import statement
from allocations.models import Account, MarginCall, MarginRate, Movement
from oms_site.firm import generation
from oms_site.firm.models import User
from oms_site.kit import clock
from orders.books import folding
from orders.books import holdings as books
from orders.books.verdicts import Run
from tests import trading
from tests.client import Api

D = trading.D
Apis = Callable[[str], Api]
pytestmark = pytest.mark.usefixtures("sandbox")
WHOLE, CORE, INCOME = "alpha-whole", "alpha-core", "alpha-income"


def traded(account: str, qty: int, px: str = "99.4", side: str = "buy") -> None:
    child = trading.routed(account_id=account, qty=D(qty), side=side, limit_price=D(px))
    number = "1" if side == "buy" else "2"
    trading.receive(trading.fill(child, qty, cum=qty, last_px=D(px), side=number))


def moved(api: Apis, **terms: Any) -> dict[str, Any]:
    """Money that people move; what came of it."""
    status, body = api("alpha_ops").post("/v1/transaction/", {"kind": "deposit", **terms})
    assert status == 201, body
    told: dict[str, Any] = body
    return told


def clean() -> None:
    """Every fold of the books is what its movements say."""
    one = Run(at=clock.now(), machine_at=clock.now())
    checks = [*books.CHECKS, *folding.CHECKS]
    found = [wrong for check in checks for wrong in check.run(one).first]
    assert [wrong for wrong in found if wrong.key.startswith(("allocations_", "alpha"))] == []


# --- the account with all its parts ------------------------------------------------------------
def test_an_account_answers_with_its_own_and_with_everything_when_asked(api: Apis) -> None:
    for account, qty in ((WHOLE, 1000), (CORE, 2000), (INCOME, 3000)):
        traded(account, qty)
    ask = api("alpha_trader").get
    _, own = ask("/v1/position/?account_id=ALPHA-WHOLE")
    assert [one["amount"] for one in own["positions"]] == [1000]
    assert "whole" not in own
    _, rolled = ask("/v1/position/?account_id=ALPHA-WHOLE&include=sleeves")
    listed = {one["account_code"]: (one["amount"], one["sleeve_of"]) for one in rolled["positions"]}
    assert listed == {
        "ALPHA-WHOLE": (1000, None),
        "ALPHA-CORE": (2000, WHOLE),
        "ALPHA-INCOME": (3000, WHOLE),
    }
    (line,) = rolled["whole"]
    assert (line["account_code"], line["cusip"]) == ("ALPHA-WHOLE", trading.BOND)
    assert (line["amount"], line["cost"], line["average_price"]) == (6000, 5964.0, 99.4)
    assert [(one["account_code"], one["amount"]) for one in line["parts"]] == [
        ("ALPHA-WHOLE", 1000),
        ("ALPHA-CORE", 2000),
        ("ALPHA-INCOME", 3000),
    ]
    for name in ("amount", "cost", "market_value", "unrealized", "realized", "accrued_interest"):
        assert line[name] == pytest.approx(sum(one[name] for one in line["parts"]))
    clean()


def test_what_a_sleeve_is_asked_for_is_its_own(api: Apis) -> None:
    traded(CORE, 2000)
    traded(INCOME, 3000)
    _, body = api("alpha_trader").get("/v1/position/?account_id=ALPHA-CORE&include=sleeves")
    assert [one["amount"] for one in body["positions"]] == [2000]
    assert [one["amount"] for one in body["whole"]] == [2000]


def test_cash_is_rolled_up_by_currency(api: Apis) -> None:
    moved(api, account_id=CORE, amount=1000)
    moved(api, account_id=INCOME, amount=500.5)
    moved(api, account_id=INCOME, amount=70, currency="EUR")
    _, body = api("alpha_trader").get("/v1/balance/?account_id=ALPHA-WHOLE&include=sleeves")
    assert [(one["currency"], one["traded"], one["available"]) for one in body["whole"]] == [
        ("EUR", 70, 70),
        ("USD", 1500.5, 1500.5),
    ]
    assert [one["account_code"] for one in body["whole"][1]["parts"]] == [
        "ALPHA-CORE",
        "ALPHA-INCOME",
    ]


def test_the_total_is_of_everything_on_every_page(api: Apis) -> None:
    for account in (WHOLE, CORE, INCOME):
        traded(account, 1000)
    ask, path = api("alpha_trader").get, "/v1/position/?account_id=ALPHA-WHOLE&include=sleeves"
    _, first = ask(f"{path}&limit=2")
    assert (len(first["positions"]), first["whole"][0]["amount"]) == (2, 3000)
    _, rest = ask(f"{path}&limit=2&cursor={first['next_cursor']}")
    assert (len(rest["positions"]), rest["whole"][0]["amount"]) == (1, 3000)


def test_what_it_all_came_to_is_told_as_of_a_moment(api: Apis, sandbox: datetime) -> None:
    traded(CORE, 1000)
    with clock.frozen_at(sandbox + timedelta(hours=1)):
        traded(INCOME, 2000)
        then = (sandbox + timedelta(minutes=30)).isoformat()
        path = f"/v1/position/?account_id=ALPHA-WHOLE&include=sleeves&as_of={then}"
        _, body = api("alpha_trader").get(path)
        assert [one["amount"] for one in body["whole"]] == [1000]
        # 1000 at the price of then: of what came later there is nothing in it.
        (part,) = body["positions"]
        assert body["whole"][0]["market_value"] == part["market_value"] == 10 * part["price"]


def test_an_account_is_worth_what_its_parts_are_worth(api: Apis) -> None:
    moved(api, account_id=WHOLE, amount=100)
    moved(api, account_id=CORE, amount=1000)
    traded(INCOME, 2000)
    ask = api("alpha_trader").get
    values = [ask(f"/v1/account/{name}/value/")[1]["total"] for name in (WHOLE, CORE, INCOME)]
    _, body = ask("/v1/account/ALPHA-WHOLE/value/?include=sleeves")
    assert (body["account_id"], body["total"]) == (WHOLE, pytest.approx(sum(values)))
    assert values[0] == 100
    assert ask("/v1/account/ALPHA-WHOLE/value/?include=all")[1]["code"] == "invalid_filter"


@pytest.mark.parametrize("query", ["include=sleeves", "account_id=ALPHA-WHOLE&include=more"])
def test_what_is_to_be_included_is_said_plainly(api: Apis, query: str) -> None:
    status, body = api("alpha_trader").get(f"/v1/position/?{query}")
    assert (status, body["code"]) == (422, "invalid_filter")


def test_lots_of_all_sleeves_are_listed_and_say_whose_they_are(api: Apis) -> None:
    traded(CORE, 1000)
    traded(INCOME, 2000)
    _, body = api("alpha_trader").get("/v1/tax-lot/?account_id=ALPHA-WHOLE&include=sleeves")
    assert [(one["account_code"], one["sleeve_of"]) for one in body["tax_lots"]] == [
        ("ALPHA-CORE", WHOLE),
        ("ALPHA-INCOME", WHOLE),
    ]


def test_another_firm_sees_no_part_of_it(api: Apis) -> None:
    traded(CORE, 1000)
    _, body = api("beta_trader").get("/v1/position/?account_id=ALPHA-WHOLE&include=sleeves")
    assert body["positions"] == []


def test_the_list_of_accounts_says_what_is_a_part_of_what(api: Apis) -> None:
    _, body = api("alpha_trader").get("/v1/account/")
    by_code = {one["code"]: one for one in body["accounts"]}
    assert by_code["ALPHA-CORE"]["sleeve_of"] == WHOLE
    assert by_code["ALPHA-WHOLE"]["sleeves"] == [CORE, INCOME]
    assert (by_code["ALPHA-002"]["sleeve_of"], by_code["ALPHA-002"]["sleeves"]) == (None, [])


# --- paper and page ----------------------------------------------------------------------------
def _text(account: str) -> str:
    return statement.of_account("alpha", account, at=clock.now(), as_of=None, kind="csv").decode()


def test_a_statement_shows_the_total_and_each_sleeve(api: Apis) -> None:
    traded(WHOLE, 1000)
    traded(CORE, 2000)
    moved(api, account_id=INCOME, amount=500)
    text = _text(WHOLE)
    assert '"With its sleeves ALPHA-CORE, ALPHA-INCOME"' in text
    titles = ["Positions, all together", '"Positions, ALPHA-WHOLE itself"', '"Cash, ALPHA-INCOME"']
    assert [title.strip('"') in text for title in titles] == [True] * 3
    after = text.split("Positions, all together")[1]
    assert f"{trading.BOND}" in after.split("Cash, all together")[0]
    assert ",3000," in after.split("Cash, all together")[0]
    assert statement.of_account("alpha", WHOLE, at=clock.now(), as_of=None, kind="pdf").startswith(
        b"%PDF-"
    )
    assert "A sleeve of ALPHA-WHOLE" in _text(CORE)
    assert "sleeve" not in _text("alpha-002")


def test_the_page_of_an_account_shows_its_parts_and_a_sleeve_its_whole(client: Client) -> None:
    traded(WHOLE, 1000)
    traded(CORE, 2000)
    client.force_login(User.objects.get(username="alpha_trader"))
    page = client.get("/holdings/?account=ALPHA-WHOLE").content.decode()
    assert "All of it, with its sleeves" in page
    assert "3,000" in page
    part = client.get("/holdings/?account=ALPHA-CORE").content.decode()
    assert "A sleeve of" in part
    assert "All of it" not in part
    assert "leeve" not in client.get("/holdings/?account=ALPHA-002&part=body").content.decode()


# --- what the custodian rounds for the whole ---------------------------------------------------
def _coupon(rate: str) -> None:
    made = corporate_actions.announce(
        corporate_actions.Ask(
            kind="coupon",
            instrument_id=trading.BOND,
            rate=D(rate),
            record_date=date(2026, 11, 25),
            pay_date=date(2026, 11, 25),
            reason="a test",
        ),
        by=trading.person("alpha_ops"),
        at=clock.now(),
    )
    with clock.frozen_at(clock.now() + timedelta(days=3)):
        corporate_actions.decide(
            made.id,
            apply_it=True,
            by=trading.person("alpha_compliance"),
            at=clock.now(),
        )


def test_sleeves_get_to_the_cent_what_their_account_gets(sandbox: datetime) -> None:
    for account in (WHOLE, CORE, INCOME):
        traded(account, 1000)
    traded("alpha-002", 3000)
    traded("alpha-005", 1000)
    # 12.345 for each thousand: three parts by themselves would get 37.05, the account gets 37.04.
    _coupon("1.2345")
    paid = dict(Movement.objects.filter(kind="coupon").values_list("account_id", "cash"))
    assert paid["alpha-005"] == D("12.35")
    assert paid["alpha-002"] == D("37.04")
    assert sum((paid[name] for name in (WHOLE, CORE, INCOME)), D(0)) == D("37.04")
    assert sorted(paid[name] for name in (WHOLE, CORE, INCOME)) == [
        D("12.34"),
        D("12.35"),
        D("12.35"),
    ]
    clean()


# --- tax: one account, whatever sleeve --------------------------------------------------------
def test_a_purchase_in_one_sleeve_washes_a_loss_in_another(api: Apis) -> None:
    traded(CORE, 2000, "99.50")
    traded(CORE, 2000, "99.00", "sell")
    traded(INCOME, 1000, "99.25")
    _, body = api("alpha_trader").get("/v1/tax-lot/?account_id=ALPHA-INCOME")
    # 2000 lost 0.50 % of par: 10.00; 1000 were bought again, so half of it does not count.
    assert [(one["wash_sale"], one["disallowed_loss"]) for one in body["tax_lots"]] == [(True, 5.0)]


def test_one_sleeves_loss_is_washed_once_however_many_buy_again(api: Apis) -> None:
    traded(CORE, 1000, "99.50")
    traded(CORE, 1000, "99.00", "sell")
    traded(INCOME, 1000, "99.25")
    traded(WHOLE, 1000, "99.25")
    _, body = api("alpha_trader").get("/v1/tax-lot/?account_id=ALPHA-WHOLE&include=sleeves")
    assert sum(one["disallowed_loss"] for one in body["tax_lots"]) == 5.0


def test_another_account_washes_nothing(api: Apis) -> None:
    traded(CORE, 2000, "99.50")
    traded(CORE, 2000, "99.00", "sell")
    traded("alpha-003", 1000, "99.25")
    _, body = api("alpha_trader").get("/v1/tax-lot/?account_id=alpha-003")
    assert [one["wash_sale"] for one in body["tax_lots"]] == [False]


def test_what_moves_between_sleeves_is_neither_a_loss_nor_a_purchase(api: Apis) -> None:
    traded(CORE, 2000, "99.50")
    moved(
        api,
        kind="transfer",
        account_id=CORE,
        to_account_id=INCOME,
        instrument_id=trading.BOND,
        qty=1000,
        cost=990,
    )
    _, body = api("alpha_trader").get("/v1/tax-lot/?account_id=ALPHA-WHOLE&include=sleeves")
    assert [(one["open_amount"], one["wash_sale"]) for one in body["tax_lots"]] == [
        (1000, False),
        (1000, False),
    ]
    clean()


# --- what is there to leave, and what is owed --------------------------------------------------
def test_money_of_one_sleeve_does_not_leave_by_another(api: Apis) -> None:
    moved(api, account_id=CORE, amount=100)
    terms = {"kind": "withdrawal", "account_id": INCOME, "amount": 50}
    assert api("alpha_ops").post("/v1/transaction/", terms)[1]["code"] == "insufficient_cash"
    moved(api, kind="transfer", account_id=CORE, to_account_id=INCOME, amount=60)
    assert api("alpha_ops").post("/v1/transaction/", terms)[0] == 201


def test_margin_is_of_the_whole_account(api: Apis, sandbox: datetime) -> None:
    Account.objects.filter(id=WHOLE).update(margin=True)
    Account.objects.filter(id=CORE).update(margin=True)
    MarginRate.objects.create(organization_id="alpha", asset_class="corporate", percent=D(50))
    generation.check()
    moved(api, account_id=INCOME, amount=5000)
    traded(CORE, 5000)
    assert margin.watch() == 1
    assert not MarginCall.objects.exists()
    now = margin.standings("alpha", [WHOLE, CORE, INCOME], at=clock.now())
    assert list(now) == [WHOLE]
    assert now[WHOLE].equity is not None
    moved(api, kind="withdrawal", account_id=INCOME, amount=4000)
    margin.watch()
    assert MarginCall.objects.get().account_id == WHOLE


# --- the back office ---------------------------------------------------------------------------
@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(User.objects.get(username="alpha_admin"))
    return client


def _new(**changes: str) -> dict[str, str]:
    above = Account.objects.get(id=WHOLE)
    return {
        "id": "alpha-growth",
        "organization": "alpha",
        "code": "ALPHA-GROWTH",
        "name": "Growth",
        "account_type": "individual",
        "categories": "",
        "sleeve_of": WHOLE,
        "custodian": above.custodian_id,
        "risk_group": above.risk_group_id,
        "currency": "USD",
        "currencies": "",
        "status": "active",
        "lot_relief": "fifo",
        **changes,
    }


_PATH = "/admin/allocations/account/"


def test_a_sleeve_is_made_in_the_back_office_and_trades_at_once(boss: Client) -> None:
    answer = boss.post(f"{_PATH}add/", _new())
    assert answer.status_code == 302, answer.content.decode()
    generation.check()
    traded("alpha-growth", 1000)
    assert Movement.objects.get().account_id == "alpha-growth"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"custodian": "cust_bny"}, "A sleeve is where ALPHA-WHOLE is"),
        ({"currency": "EUR"}, "A sleeve has the currency of ALPHA-WHOLE"),
        ({"sleeve_of": CORE}, "they have no sleeves"),
        ({"sleeve_of": "beta-001"}, "Select a valid choice"),
    ],
)
def test_a_sleeve_that_the_database_would_refuse_is_refused_in_words(
    boss: Client, changes: dict[str, str], told: str
) -> None:
    answer = boss.post(f"{_PATH}add/", _new(**changes))
    assert answer.status_code == 200
    assert told in answer.content.decode()


def test_what_an_account_is_a_part_of_is_not_edited(boss: Client) -> None:
    row = Account.objects.get(id="alpha-003")
    given = _new(id=row.id, code=row.code, name="Renamed", custodian=row.custodian_id)
    answer = boss.post(f"{_PATH}alpha-003/change/", given)
    assert answer.status_code == 302, answer.content.decode()
    row.refresh_from_db()
    assert (row.name, row.sleeve_of_id) == ("Renamed", None)


def test_the_whole_moves_to_another_custodian_and_takes_its_sleeves(boss: Client) -> None:
    row = Account.objects.get(id=WHOLE)
    given = _new(id=row.id, code=row.code, name=row.name, custodian="cust_bny")
    answer = boss.post(f"{_PATH}{WHOLE}/change/", given)
    assert answer.status_code == 302, answer.content.decode()
    assert set(Account.objects.filter(sleeve_of=WHOLE).values_list("custodian", flat=True)) == {
        "cust_bny"
    }
