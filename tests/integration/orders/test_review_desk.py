"""The review desk's rules: claims, several approvers, versions, reasons, bulk, and the database."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from controls.models import Review, ReviewDecision, ReviewVote
from oms_site.firm import generation
from oms_site.firm.models import User
from oms_site.journal.models import Event
from oms_site.kit import clock
from tests import policies, trading

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sandbox")]


def flagged(**changes: Any) -> str:
    return trading.submit(limit_price=Decimal(92), **changes)


def decide(api: Any, who: str, order_id: str, word: str = "approve", **more: Any) -> Any:
    body = {"annotation": "checked", **more}
    return api(who).post(f"/v1/trading/order/{order_id}/{word}/", body)


def review_of(order_id: str) -> Review:
    return Review.objects.get(subject=order_id)


def two_needed() -> None:
    policies.agreed(rules={"second_approval_above": "1"}, at=clock.now())
    generation.check()


def test_each_failed_control_keeps_its_reason(api: Any) -> None:
    order_id = flagged()
    status, body = decide(api, "alpha_compliance", order_id, reason_code="price_verified")
    assert (status, body["approvals"]) == (202, 1)
    (row,) = ReviewDecision.objects.filter(vote__review__subject=order_id)
    assert (row.control_id, row.reason_code, row.override) == (
        review_of(order_id).failed_controls[0]["control_id"],
        "price_verified",
        True,
    )


def test_an_unknown_reason_code_is_refused_and_decides_nothing(api: Any) -> None:
    order_id = flagged()
    status, body = decide(api, "alpha_compliance", order_id, reason_code="because")
    assert (status, body["code"]) == (422, "invalid_reason_code")
    assert review_of(order_id).status == "open"
    assert not ReviewVote.objects.exists()


def test_a_decision_on_another_version_is_stale(api: Any) -> None:
    order_id = flagged()
    status, body = decide(api, "alpha_compliance", order_id, subject_version=7)
    assert (status, body["code"]) == (409, "stale_version")
    assert Event.objects.filter(subject=order_id, event_type="manual_approve_fail").count() == 1


def test_a_large_order_needs_two_persons(api: Any) -> None:
    two_needed()
    order_id = flagged()
    first = decide(api, "alpha_compliance", order_id)
    assert (first[1]["approvals"], first[1]["approvals_required"]) == (1, 2)
    assert trading.order(order_id).status == "pending_approval"
    again = decide(api, "alpha_compliance", order_id)
    assert (again[0], again[1]["code"]) == (409, "already_voted")
    second = decide(api, "alpha_compliance2", order_id)
    assert second[1]["order"]["status"] == "pending_execution"
    assert review_of(order_id).approvals == 2


def test_the_same_client_id_approves_once(api: Any) -> None:
    two_needed()
    order_id = flagged()
    answers = [
        decide(api, "alpha_compliance", order_id, client_manual_approve_id="c1")[1]
        for _ in range(2)
    ]
    assert answers[0]["manual_approve_id"] == answers[1]["manual_approve_id"]
    assert ReviewVote.objects.count() == 1


def test_a_claim_is_seen_and_taken_over_and_blocks_no_decision(api: Any) -> None:
    order_id = flagged()
    path = f"/v1/trading/review/{review_of(order_id).id}/"
    assert api("alpha_compliance").post(f"{path}claim/", {})[0] == 200
    other = api("alpha_compliance2")
    (row,) = other.get("/v1/trading/review/")[1]["reviews"]
    assert row["claimed_by"] == "alpha_compliance"
    refused = other.post(f"{path}claim/", {})
    assert (refused[0], refused[1]["code"]) == (409, "claimed_by_other")
    taken = other.post(f"{path}claim/", {"take_over": True})
    assert taken[1]["claimed_by"] == "alpha_compliance2"
    assert api("alpha_trader").post(f"{path}claim/", {})[0] == 403
    assert decide(api, "alpha_compliance", order_id)[0] == 202
    assert review_of(order_id).claimed_by is None


def test_many_alike_are_decided_with_a_result_each(api: Any) -> None:
    ids = [flagged() for _ in range(3)]
    decide(api, "alpha_compliance2", ids[0], "reject")
    status, body = api("alpha_compliance").post(
        "/v1/trading/review/decide/",
        {
            "decision": "approve",
            "annotation": "all checked",
            "orders": [{"order_id": name} for name in ids],
        },
    )
    assert status == 207
    results = body["results"]
    assert [r["status"] for r in results] == [409, 202, 202]
    assert results[0]["error"]["code"] == "order_not_pending_approval"


def test_one_review_tells_what_a_reviewer_needs(api: Any) -> None:
    order_id = flagged()
    told = api("alpha_compliance").get(f"/v1/trading/review/{order_id}/")[1]
    assert told["failed_controls"][0]["history"]["flagged"] == 0
    assert told["position"]["after"] > 0
    assert told["reference"]["mid"] > 0
    assert api("beta_trader").get(f"/v1/trading/review/{order_id}/")[0] == 404


def run(sql: str, *params: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, params)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


_VOTE = (
    "INSERT INTO controls_reviewvote (id, organization_id, review_id, subject_version, maker_id,"
    " decided_by_id, approve, client_decision_id, annotation, decided_at)"
    " VALUES (%s, 'alpha', %s, %s, %s, %s, true, '', 'x', now())"
)


def test_the_database_refuses_the_maker_a_second_vote_and_another_version(api: Any) -> None:
    two_needed()
    review = review_of(flagged())
    checker = User.objects.get(username="alpha_compliance").pk
    for version, maker, by, law in (
        (1, review.maker_id, review.maker_id, "maker_does_not_vote"),
        (1, checker, review.maker_id, "vote_of_that_maker_and_version"),
        (2, review.maker_id, checker, "vote_of_that_maker_and_version"),
    ):
        with pytest.raises(DatabaseError, match=law):
            run(_VOTE, "ma_x", review.id, version, maker, by)
    decide(api, "alpha_compliance", review.subject)
    with pytest.raises(DatabaseError, match="one_vote_per_person"):
        run(_VOTE, "ma_y", review.id, 1, review.maker_id, checker)
    with pytest.raises(DatabaseError, match="lacks its votes"):
        run(
            "UPDATE controls_review SET status = 'approved', decided_by_id = %s,"
            " decided_at = now(), version = version + 1 WHERE id = %s",
            checker,
            review.id,
        )
    with pytest.raises(DatabaseError, match="append-only"):
        run("UPDATE controls_reviewvote SET annotation = 'y'")


@pytest.mark.parametrize(
    ("who", "status"),
    [("alpha_trader", 403), ("alpha_compliance", 200), ("alpha_auditor", 200)],
)
def test_the_page_is_for_those_who_may_see_it(client: Client, who: str, status: int) -> None:
    order_id = flagged()
    client.force_login(User.objects.get(username=who))
    assert client.get("/review/").status_code == status
    assert client.get(f"/review/{order_id}/").status_code == status


def test_the_report_names_every_override(api: Any, client: Client) -> None:
    order_id = flagged()
    decide(api, "alpha_compliance", order_id, reason_code="client_confirmed", annotation="=1+1")
    client.force_login(User.objects.get(username="alpha_compliance"))
    text = client.get("/review/overrides.csv").content.decode()
    assert order_id in text
    assert "client_confirmed" in text
    assert ",'=1+1," in text
