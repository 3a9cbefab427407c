"""The operations API of confirmations and settlements: reading, acting, and who may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.client import Api
from tests.integration.allocations.outside import Outside
from tests.integration.settlement import story

pytestmark = pytest.mark.django_db
Client = Callable[[str], Any]
CONFIRM, SETTLEMENT = "/v1/ops/confirm/", "/v1/ops/settlement/"


@pytest.fixture
def ops(outside: Outside) -> Api:
    """Operations of alpha, with two trades: one agreed, one two cents apart."""
    story.traded()
    story.traded("alpha-net")
    story.turn()
    return Api("alpha_ops")


def test_exceptions_are_told_with_both_sides_and_what_to_do(ops: Api) -> None:
    status, page = ops.get(f"{CONFIRM}?exceptions=true")
    assert status == 200
    (one,) = page["confirms"]
    assert (one["status"], one["confirm_status"], one["match_status"]) == ("mismatched", 2, 1)
    assert [side["field"] for side in one["sides"] if side["differs"]] == ["net_money"]
    assert one["next_step"].startswith("Dispute it")
    assert (page["has_more"], page["next_cursor"]) == (False, None)


def test_pages_follow_each_other_without_a_gap(ops: Api) -> None:
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        _, page = ops.get(f"{CONFIRM}?limit=1&cursor={cursor}")
        seen += [one["confirm_id"] for one in page["confirms"]]
        cursor = page["next_cursor"]
    assert len(seen) == len(set(seen)) == 2


@pytest.mark.parametrize(
    ("query", "field"),
    [("limit=0", "limit"), ("limit=x", "limit"), ("trade_date=today", "trade_date")],
)
def test_what_cannot_be_read_is_refused(ops: Api, query: str, field: str) -> None:
    status, answer = ops.get(f"{CONFIRM}?{query}")
    assert (status, answer["error_details"][0]["field"]) == (422, field)


def test_a_difference_is_worked_through_over_the_api(ops: Api) -> None:
    _, page = ops.get(f"{CONFIRM}?account_id=ALPHA-NET")
    confirm_id = page["confirms"][0]["confirm_id"]
    path = f"{CONFIRM}{confirm_id}/"
    assert ops.post(f"{path}affirm/")[0] == 409
    assert ops.post(f"{path}assign/")[1]["owner"] == "alpha_ops"
    assert ops.post(f"{path}propose/", {"reason_code": "no", "text": "x"})[0] == 422
    said = {"reason_code": "tolerated", "text": "Two cents."}
    status, answer = ops.post(f"{path}propose/", said)
    assert (status, answer["proposed_by"]) == (200, "alpha_ops")
    status, answer = ops.post(f"{path}agree/")
    assert (status, answer["code"]) == (403, "same_person")
    status, answer = Api("alpha_admin").post(f"{path}agree/")
    assert (status, answer["status"], answer["affirm_status"]) == (200, "affirmed", 3)
    assert ops.get(f"{CONFIRM}?exceptions=true")[1]["confirms"] == []
    assert ops.post(f"{path}vanish/")[0] == 404


def test_who_decides_on_a_difference_says_which_version_they_have_read(ops: Api) -> None:
    _, page = ops.get(f"{CONFIRM}?account_id=ALPHA-NET")
    path = f"{CONFIRM}{page['confirms'][0]['confirm_id']}/"
    said = {"reason_code": "tolerated", "text": "Two cents."}
    _, read = ops.post(f"{path}propose/", said)
    ops.post(f"{path}propose/", {**said, "text": "Twenty cents."})
    admin = Api("alpha_admin")
    for step in ("agree", "refuse", "affirm"):
        status, answer = admin.post(f"{path}{step}/", {"version": read["version"]})
        assert (status, answer["code"]) == (409, "proposal_changed")
    _, latest = admin.get(path)
    assert (latest["resolution"], latest["status"]) == ("Twenty cents.", "mismatched")
    status, answer = admin.post(f"{path}agree/", {"version": latest["version"]})
    assert (status, answer["status"]) == (200, "affirmed")


def test_settlements_are_told_with_their_facts(ops: Api) -> None:
    with story.on(11, 24):
        story.turn()
        _, page = ops.get(f"{SETTLEMENT}?status=settled")
        (one,) = page["settlements"]
        _, whole = ops.get(f"{SETTLEMENT}{one['instruction_id']}/")
        assert [fact["amount"] for fact in whole["facts"]] == [1000]
        assert whole["facts"][0]["cash"] == -whole["net_money"]
    with story.on(11, 24, 18):
        story.turn()
        _, page = ops.get(f"{SETTLEMENT}?troubled=true")
        (late,) = page["settlements"]
        assert (late["account_code"], late["status"], late["days_failed"]) == (
            "ALPHA-NET",
            "failed",
            0,
        )


def test_resending_answers_for_each_row(ops: Api) -> None:
    _, page = ops.get(f"{SETTLEMENT}?open=true")
    ids = [one["instruction_id"] for one in page["settlements"]]
    _, answer = ops.post(f"{SETTLEMENT}resend/", {"ids": [*ids, "si_nobody", "cf_nobody"]})
    codes = [one["code"] for one in answer["results"]]
    assert sorted(codes) == ["not_affirmed", "not_found", "not_found", "not_resendable"]
    assert ops.post(f"{SETTLEMENT}resend/", {"ids": "all"})[0] == 422
    assert ops.post(f"{SETTLEMENT}resend/", {"ids": []})[0] == 422


def test_the_file_of_a_day_is_the_same_bytes_whenever_it_is_asked_for(ops: Api) -> None:
    path = f"{CONFIRM}file/?trade_date=2026-11-23"
    before = ops._client.get(path).content
    assert before.count(b"\r\n") == 3
    assert b"ALPHA-NET" in before
    with story.on(11, 25, 18):
        story.turn()
        assert ops._client.get(path).content == before


def test_who_may_look_and_who_may_act(ops: Api) -> None:
    _, page = ops.get(f"{CONFIRM}?exceptions=true")
    confirm_id = page["confirms"][0]["confirm_id"]
    assert Api("alpha_trader").get(CONFIRM)[0] == 403
    auditor = Api("alpha_auditor")
    assert auditor.get(f"{CONFIRM}{confirm_id}/")[0] == 200
    assert auditor.post(f"{CONFIRM}{confirm_id}/assign/")[0] == 403
    assert auditor.post(f"{SETTLEMENT}resend/", {"ids": ["x"]})[0] == 403
    beta = Api("beta_ops")
    assert beta.get(CONFIRM)[1]["confirms"] == []
    assert beta.get(f"{CONFIRM}{confirm_id}/")[0] == 404
