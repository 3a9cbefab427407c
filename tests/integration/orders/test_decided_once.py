"""A client's id of a decision names one decision for ever, in its whole organization."""

from __future__ import annotations

import importlib
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from controls.models import ReviewVote
from oms_site.kit import clock
from tests import trading
from tests.integration.orders.test_review_desk import decide, flagged, review_of, two_needed

pytestmark = pytest.mark.usefixtures("sandbox")
WHO = "alpha_compliance"


def _said(api: Any, order_id: str, *, by: str = WHO, **changes: Any) -> tuple[int, Any]:
    status, body = decide(api, by, order_id, client_manual_approve_id="c1", **changes)
    return status, body


def _conflicts(answer: tuple[int, Any], field: str = "client_manual_approve_id") -> bool:
    status, body = answer
    fields = [one["field"] for one in body.get("error_details", ())]
    return (status, body.get("code"), fields) == (409, "idempotency_conflict", [field])


def test_an_id_that_decided_about_one_order_decides_about_no_other(api: Any) -> None:
    first, second = flagged(), flagged()
    assert _said(api, first)[0] == 202
    assert _conflicts(_said(api, second))
    assert trading.order(second).status == "pending_approval"
    assert review_of(second).approvals == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"annotation": "another reason"},
        {"subject_version": 7},
        {"reason_code": "price_verified"},
        {"by": "alpha_compliance2"},
    ],
)
def test_an_id_says_the_same_again_or_nothing(api: Any, changes: dict[str, Any]) -> None:
    two_needed()
    order_id = flagged()
    made = _said(api, order_id)
    again = _said(api, order_id)
    assert (made[0], again[0]) == (202, 202)
    assert again[1]["manual_approve_id"] == made[1]["manual_approve_id"]
    assert _conflicts(_said(api, order_id, **changes))
    assert ReviewVote.objects.count() == 1


def test_a_decision_that_was_refused_leaves_its_id_free(api: Any) -> None:
    order_id = flagged()
    assert _said(api, order_id, subject_version=7)[1]["code"] == "stale_version"
    assert _said(api, order_id)[0] == 202


def test_approvals_and_rejections_have_ids_of_their_own(api: Any) -> None:
    first, second, third = flagged(), flagged(), flagged()
    assert _said(api, first)[0] == 202
    path, why = (
        "/v1/trading/order/{}/reject/",
        {"annotation": "no", "client_manual_reject_id": "c1"},
    )
    assert api(WHO).post(path.format(second), why)[0] == 202
    assert _conflicts(api(WHO).post(path.format(third), why), "client_manual_reject_id")


def test_another_organization_has_its_own_ids(api: Any) -> None:
    first, other = flagged(), flagged(by="beta_trader", account_id="beta-001")
    assert _said(api, first)[0] == 202
    # It was rejected at once: what is said of it is not about the id.
    assert _said(api, other, by="beta_compliance")[1]["code"] == "order_not_pending_approval"


def test_the_database_holds_an_id_once(api: Any) -> None:
    first, second = flagged(), flagged()
    assert _said(api, first)[0] == 202
    with (
        pytest.raises(IntegrityError, match="client_decision_id_for_ever"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "INSERT INTO controls_reviewvote (id, organization_id, review_id, subject_version,"
            " maker_id, decided_by_id, approve, client_decision_id, annotation, decided_at)"
            " SELECT 'ma_x', organization_id, %s, subject_version, maker_id, decided_by_id,"
            " approve, client_decision_id, annotation, %s FROM controls_reviewvote",
            [review_of(second).id, clock.now() + timedelta(seconds=1)],
        )


def test_votes_from_before_the_law_keep_the_id_that_they_share(api: Any) -> None:
    first, second, third = flagged(), flagged(), flagged()
    law = importlib.import_module("controls.migrations.0015_decided_once")
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX client_decision_id_for_ever")
    assert _said(api, first)[0] == 202
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO controls_reviewvote (id, organization_id, review_id, subject_version,"
            " maker_id, decided_by_id, approve, client_decision_id, annotation, decided_at)"
            " SELECT 'ma_x', organization_id, %s, subject_version, maker_id, decided_by_id,"
            " approve, client_decision_id, annotation, %s FROM controls_reviewvote",
            [review_of(second).id, clock.now() + timedelta(seconds=1)],
        )
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(law._MAKE)
    assert ReviewVote.objects.filter(client_decision_id="c1").count() == 2
    assert _said(api, first)[0] == 202
    assert _conflicts(_said(api, second))
    assert _conflicts(_said(api, third))
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO controls_reviewvote SELECT (jsonb_populate_record(v, %s)).*"
            " FROM controls_reviewvote v WHERE id = 'ma_x'",
            [f'{{"id": "ma_y", "review_id": "{review_of(third).id}"}}'],
        )
