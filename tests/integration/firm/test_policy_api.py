"""Policies and roles over REST."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from oms_site.firm import generation, principals

pytestmark = pytest.mark.django_db
Api = Callable[[str], Any]
ASKED = {"preset": "full", "rules": {"gtc_max_days": 30}, "reason": "longer orders"}


def test_the_policy_in_force_is_told_with_its_rules(api: Api) -> None:
    status, told = api("alpha_trader").get("/v1/policy/")
    assert (status, told["version"], told["preset"]) == (200, 1, "guide")
    assert told["status"] == "approved"
    assert told["effective"]["allowed_tif"] == ["day"]
    assert told["proposed"] == []


def test_a_policy_is_proposed_compared_and_approved(api: Api) -> None:
    status, made = api("alpha_compliance").post("/v1/policy/version/", ASKED)
    assert (status, made["version"], made["status"]) == (201, 2, "proposed")
    assert api("alpha_trader").get("/v1/policy/")[1]["proposed"][0]["version"] == 2
    _, shown = api("alpha_auditor").get("/v1/policy/version/2/")
    assert {"rule": "gtc_max_days", "from": 90, "to": 30} in shown["differences"]
    status, refused = api("alpha_compliance").post("/v1/policy/version/2/approve/", {})
    assert (status, refused["code"]) == (403, "self_approval")
    status, done = api("alpha_admin").post("/v1/policy/version/2/approve/", {"reason": "yes"})
    assert (status, done["status"], done["decided_by"]) == (200, "approved", "alpha_admin")
    assert api("alpha_trader").get("/v1/policy/")[1]["effective"]["gtc_max_days"] == 30
    _, every = api("alpha_trader").get("/v1/policy/version/")
    assert [one["version"] for one in every["policies"]] == [2, 1]


def test_an_order_tells_the_policy_it_was_accepted_under(api: Api) -> None:
    _, first = api("alpha_trader").submit()
    api("alpha_compliance").post("/v1/policy/version/", ASKED)
    api("alpha_admin").post("/v1/policy/version/2/approve/", {})
    generation.check()
    _, second = api("alpha_trader").submit(time_in_force="gtc")
    told = [
        api("alpha_trader").get(f"/v1/trading/order/{order['id']}/")[1]["policy"]
        for order in (first, second)
    ]
    assert [one["version"] for one in told] == [1, 2]
    assert [one["preset"] for one in told] == ["guide", "full"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"preset": "full"}, "reason_required"),
        ({**ASKED, "preset": "moon"}, "unknown_preset"),
        ({**ASKED, "rules": {"x": 1}}, "invalid_rule"),
        ({**ASKED, "rules": []}, "invalid_rules"),
        ({**ASKED, "effective_at": "tomorrow"}, "invalid_time"),
        ({**ASKED, "effective_at": "2020-01-01T00:00:00Z"}, "effective_in_the_past"),
        ({**ASKED, "version": 3}, "unknown_field"),
    ],
)
def test_what_cannot_be_proposed(api: Api, body: dict[str, Any], code: str) -> None:
    status, told = api("alpha_admin").post("/v1/policy/version/", body)
    assert (status, told["code"]) == (422, code)


def test_a_policy_of_another_house_is_not_there(api: Api) -> None:
    api("beta_admin").post("/v1/policy/version/", {**ASKED, "preset": "guide"})
    for path in ("/v1/policy/version/2/", "/v1/policy/version/99/"):
        assert api("alpha_admin").get(path)[0] == 404
    assert api("alpha_admin").post("/v1/policy/version/2/approve/", {})[0] == 404


def test_roles_are_proposed_and_approved(api: Api) -> None:
    ask = {"username": "alpha_trader", "roles": ["senior_trader"], "reason": "promoted"}
    status, made = api("alpha_admin").post("/v1/role-change/", ask)
    assert (status, made["was"], made["status"]) == (201, ["trader"], "proposed")
    path = f"/v1/role-change/{made['id']}/approve/"
    assert api("alpha_admin").post(path, {})[1]["code"] == "self_approval"
    assert api("beta_admin").post(path, {})[0] == 404
    assert api("alpha_trader").post(path, {})[0] == 403
    assert api("alpha_compliance").post(path, {})[0] == 200
    principals.forget()
    told = api("alpha_auditor").get("/v1/role-change/")[1]
    assert [one["status"] for one in told["changes"]] == ["approved"]
    assert "pmp.suppress" in told["roles"]["senior_trader"]
    assert api("alpha_trader").get("/v1/role-change/")[0] == 403
