"""What belongs to no organization is laid before the house's operations, and before nobody else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client

from allocations.custodians.settling import Told
from allocations.settlement import mailbox, strays
from oms_site.firm.models import User
from oms_site.journal import actors, unit
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from orders import breaks
from orders.models import Break
from tests import trading
from tests.client import Api

Apis = Callable[[str], Api]


@pytest.fixture
def opened(sandbox: datetime) -> dict[str, str]:
    """A break of the house and one of alpha, by their organization."""
    with unit.work(by=actors.system("test"), at=sandbox) as work:
        told = {"kind": "venue_session", "evidence": {"why": "hung up"}, "at": sandbox}
        breaks.open(work, key="SIMA/of-nobody", **told)  # type: ignore[arg-type]  # as above
        breaks.open(work, key="SIMA/of-alpha", organization_id="alpha", **told)  # type: ignore[arg-type]  # as above
    return dict(Break.objects.values_list("organization_id", "id"))


def board(client: Client, name: str) -> str:
    client.force_login(User.objects.get(username=name))
    answer = client.get("/ops/")
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_the_house_s_operations_see_what_belongs_to_nobody_and_nothing_of_tenants(
    opened: dict[str, str], client: Client, api: Apis
) -> None:
    for name in ("house_ops", "house_ops2", "house_admin"):
        shown = board(client, name)
        assert "SIMA/of-nobody" in shown
        assert "SIMA/of-alpha" not in shown
    (listed,) = api("house_ops").get("/v1/ops/break/")[1]["breaks"]
    assert listed["break_id"] == opened["house"]


def test_tenants_neither_see_it_nor_touch_it(
    opened: dict[str, str], client: Client, api: Apis
) -> None:
    for name in ("alpha_ops", "alpha_admin", "beta_ops"):
        assert "SIMA/of-nobody" not in board(client, name)
        said = {"reason_code": "timing", "text": "Mine."}
        for step in ("assign", "propose", "agree", "refuse"):
            path = f"/v1/ops/break/{opened['house']}/{step}/"
            assert api(name).post(path, said)[0] == 404
        assert opened["house"] not in str(api(name).get("/v1/ops/break/"))
    assert Break.objects.get(id=opened["house"]).version == 1
    # Nor does the house touch theirs.
    path = f"/v1/ops/break/{opened['alpha']}/assign/"
    assert api("house_ops").post(path)[0] == 404


def test_somebody_of_the_house_without_operations_sees_nothing(
    opened: dict[str, str], client: Client, api: Apis
) -> None:
    User.objects.filter(username="house_ops2").update(roles=[])
    client.force_login(User.objects.get(username="house_ops2"))
    assert client.get("/ops/").status_code == 403
    assert api("house_ops2").get("/v1/ops/break/")[0] == 403
    assert api("house_ops2").post(f"/v1/ops/break/{opened['house']}/assign/")[0] == 403


def test_two_of_the_house_close_it(opened: dict[str, str], sandbox: datetime) -> None:
    one, other = trading.person("house_ops"), trading.person("house_ops2")
    key = opened["house"]
    breaks.propose(key, reason_code="timing", text="It is back.", by=one, at=sandbox)
    with pytest.raises(OmsError) as refusal:
        breaks.decide(key, agree=True, by=one, at=sandbox)
    assert refusal.value.code == "same_person"
    breaks.decide(key, agree=True, by=other, at=sandbox)
    assert Break.objects.get(id=key).closed_at == sandbox


def test_the_api_tells_who_has_a_break_since_when_it_stands_and_who_proposed(
    opened: dict[str, str], api: Apis, sandbox: datetime
) -> None:
    key = opened["alpha"]
    with clock.frozen_at(sandbox + timedelta(seconds=90)):
        assert api("alpha_ops").post(f"/v1/ops/break/{key}/assign/")[0] == 200
        said = {"reason_code": "timing", "text": "It is back."}
        status, proposed = api("alpha_ops").post(f"/v1/ops/break/{key}/propose/", said)
        assert status == 200, proposed
    who = User.objects.get(username="alpha_ops")
    with clock.frozen_at(sandbox + timedelta(seconds=120)):
        (listed,) = api("alpha_ops").get("/v1/ops/break/")[1]["breaks"]
    assert (proposed["age_s"], listed["age_s"]) == (90, 120)
    for row in (proposed, listed):
        assert (row["owner"], row["owner_id"]) == ("alpha_ops", who.id)
        assert (row["proposed"], row["proposed_by"], row["proposed_by_id"]) == (
            True,
            "alpha_ops",
            who.id,
        )
        assert row["proposed_at"] is not None
        assert (row["closed_by"], row["closed_at"]) == (None, None)


def test_what_a_custodian_says_of_nobody_here_is_the_house_s(sandbox: datetime) -> None:
    said = '{"type":"settled","reference":"R","instruction_id":"si_nobody","qty":"1",'
    said += '"net_money":"1","value_date":"2026-11-23"}'
    mailbox.store("cust_bny", [Told(1, said), Told(2, "nonsense")], at=clock.now())
    mailbox.apply("cust_bny")
    assert [row.seq for row in strays.of_custodians("house")] == [2, 1]
    assert strays.of_custodians("alpha") == []
