"""A watch list lets every order pass and tells compliance, and nobody else."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.utils import quote
from django.db import connection
from django.test import Client

from controls import screening
from controls.models import ControlList, Screening
from oms_site.firm.models import User
from oms_site.journal.models import Event
from orders.models import Order
from tests import policies, trading
from tests.integration.orders.limits import in_force, listed
from tests.integration.replacing import story

pytestmark = pytest.mark.usefixtures("sandbox")
Api = Callable[..., Any]
D = Decimal
HITS = "/v1/control/watch/"


def watched() -> Order:
    """An order that a list of that kind names."""
    listed("insiders", trading.BOND, kind="watch")
    return trading.order(trading.submit())


def browser(name: str) -> Client:
    client = Client()
    client.force_login(User.objects.get(username=name))
    return client


def test_an_order_on_a_watch_list_passes_with_the_restricted_control_in_force() -> None:
    in_force("universe.restricted")
    order = watched()
    assert (order.status, order.reject_code) == ("pending_execution", "")


@pytest.mark.parametrize("kind", ["restricted", "do_not_trade"])
def test_the_other_lists_refuse_it(kind: str) -> None:
    in_force("universe.restricted")
    listed("embargo", trading.BOND, kind=kind)
    assert trading.order(trading.submit()).reject_code == "instrument_restricted"


def test_a_control_that_names_a_watch_list_does_not_refuse_either() -> None:
    in_force("universe.restricted", lists=["insiders"])
    assert watched().status == "pending_execution"


def test_compliance_is_told_by_the_api(api: Api) -> None:
    order = watched()
    status, body = api("alpha_compliance").get(HITS)
    assert status == 200
    (hit,) = body["hits"]
    assert (hit["order_id"], hit["lists"]) == (order.id, "insiders version 1")
    assert (hit["username"], hit["accounts"]) == ("alpha_trader", ["ALPHA-002"])
    assert (hit["cusip"], hit["quantity"], hit["stage"]) == (trading.BOND, 3000, "order")
    assert api("alpha_auditor").get(HITS)[0] == 200
    assert [api(f"alpha_{who}").get(HITS)[0] for who in ("trader", "senior", "ops")] == [403] * 3
    assert api("beta_compliance").get(HITS)[1]["hits"] == []


def test_what_no_list_names_leaves_no_note(api: Api) -> None:
    listed("insiders", "912810SX7", kind="watch")
    trading.submit()
    assert api("alpha_compliance").get(HITS)[1]["hits"] == []


def test_its_trader_learns_nothing_of_it(api: Api) -> None:
    in_force("universe.restricted")
    order = watched()
    told = [json.dumps(json.loads(row.body)) for row in Event.objects.order_by("id")]
    told += [browser("alpha_trader").get(f"/desk/orders/{order.id}/").content.decode()]
    told += [json.dumps(api("alpha_trader").get(f"/v1/trading/order/{order.id}/"))]
    told += [json.dumps(api("alpha_trader").submit(limit_price=99))]
    _, preview = api("alpha_trader").post(
        "/v1/trading/order/?dry_run=true",
        {
            "account_id": "alpha-002",
            "instrument_id": trading.BOND,
            "amount": {"par": 1000},
            "type": "limit",
            "side": "buy",
            "limit_price": 99.5,
        },
    )
    told += [json.dumps(preview)]
    for text in told:
        assert "insiders" not in text
        assert "watched" not in text


@pytest.mark.parametrize("who", ["trader", "senior", "ops"])
def test_the_back_office_tells_it_to_nobody_else(who: str) -> None:
    order = watched()
    row = Screening.objects.get(pk=order.screening_id)
    listed_as = ControlList.objects.get(name="insiders")
    event = Event.objects.filter(order_id=order.id, changes__contains="insiders").latest("id")
    decision = listed_as.decision
    pages = [
        f"/admin/{name}/{key}"
        for name, one in {
            "controls/controllist": listed_as,
            "controls/listingdecision": decision,
            "controls/screening": row,
            "journal/event": event,
        }.items()
        for key in ("", f"{quote(one.pk)}/change/", f"{quote(one.pk)}/history/")
    ]
    pages += [
        "/admin/",
        "/admin/journal/event/?changes__contains=insiders",
        "/admin/controls/screening/?results__icontains=insiders",
        f"/admin/orders/order/{quote(order.id)}/change/",
    ]
    client, compliance = browser(f"alpha_{who}"), browser("alpha_compliance")
    for path in pages:
        told = client.get(path, follow=True).content.decode()
        assert "insiders" not in told, path
        assert "watched" not in told, path
        assert str(event.pk) + "/change" not in told, path
    shown = [compliance.get(path) for path in pages]
    assert {one.status_code for one in shown} == {200}
    assert "insiders" in shown[0].content.decode()


def test_what_passed_is_told_without_the_names_of_watch_lists() -> None:
    in_force("universe.restricted")
    row = Screening.objects.get(pk=watched().screening_id)
    passed = [r for r in screening.read_results(row.results) if r["effect"] == "pass"]
    assert not any("insiders" in str(one["actual"]) for one in passed)
    # The evidence itself has all of it.
    assert "insiders" in json.dumps(row.ticket, default=str)


def test_compliance_sees_it_on_the_order_and_on_the_review_desk() -> None:
    order = watched()
    compliance = browser("alpha_compliance")
    assert "watched by insiders" in compliance.get(f"/desk/orders/{order.id}/").content.decode()
    page = compliance.get("/review/").content.decode()
    assert "Named by watch lists" in page
    assert order.id in compliance.get("/review/watched/").content.decode()


def test_new_terms_are_noted_again(sandbox: Any, api: Api) -> None:
    policies.agreed(preset="full", at=sandbox)
    listed("insiders", trading.BOND, kind="watch")
    order_id = trading.submit(bypass_auto_execution=True)
    assert story.amend(order_id, limit_price="99").outcome == "replaced"
    hits = api("alpha_compliance").get(HITS)[1]["hits"]
    assert {(one["order_id"], one["stage"]) for one in hits} == {
        (order_id, "order"),
        (order_id, "replace"),
    }


def test_the_notes_are_found_by_their_index() -> None:
    watched()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            "EXPLAIN SELECT id FROM controls_screening WHERE organization_id = 'alpha'"
            " AND screened_at > '2026-11-01'"
            " AND results @> '[[\"builtin.universe.watched\"]]'"
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "controls_screening_watched" in plan
