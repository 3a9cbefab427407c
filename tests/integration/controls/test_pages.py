"""The pages of controls: what is in force, what waits, what was decided."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from controls import governance, lifecycle, listing, simulation
from oms_site.firm import policy_changes, role_changes
from oms_site.firm.models import User
from oms_site.firm.principals import Principal
from tests import trading

Caller = Callable[[str], Principal]
pytestmark = pytest.mark.usefixtures("sandbox")


def shown(path: str, user: str = "alpha_compliance2") -> str:
    client = Client()
    client.force_login(User.objects.get(username=user))
    answer = client.get(path)
    assert answer.status_code == 200, path
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    return str(answer.content.decode())


def test_the_list_tells_what_each_control_did_today() -> None:
    trading.submit(limit_price=trading.D(109))
    told = shown("/controls/")
    row = told[told.index("price-tolerance") : told.index("restricted-list")]
    assert '<td class="n">1</td><td class="n">1</td><td class="n"></td>' in row
    assert "builtin.session.hours" in told
    assert "Waiting for a second person" not in told


def test_what_waits_is_offered_to_everybody_but_who_asked(
    sandbox: datetime, caller: Caller
) -> None:
    by, admin, at = caller("alpha_compliance"), caller("alpha_admin"), sandbox
    tighter = {"params": {"max_percent": "1", "max_age_s": 9}}
    row = governance.revise("price-tolerance", tighter, reason="r", by=by, at=at)
    lifecycle.submit(row.pk, reason="tighter", by=by, at=at)
    listing.draft("embargo", kind="watch", cusips=[trading.BOND], by=by, at=at)
    policy_changes.propose(preset="guide", rules={"gtc_max_days": 9}, reason="r", by=by, at=at)
    role_changes.propose("alpha_ops", ["auditor"], reason="moved", by=admin, at=at)
    board = shown("/controls/?part=board", "alpha_compliance")
    assert board.count("Withdraw…") == 3
    assert board.count(">Approve…") == 1
    board = shown("/controls/?part=board")
    assert board.count(">Approve…") == 4
    assert "gtc max days: 90 → 9" in board
    assert f"adds {trading.BOND}" in board
    for other in ("alpha_trader", "beta_compliance"):
        assert "Waiting for a second person" not in shown("/controls/", other)


def test_one_control_tells_its_versions_history_and_simulation(
    sandbox: datetime, caller: Caller
) -> None:
    trading.submit(limit_price=trading.D(109))
    by = caller("alpha_compliance")
    changes = {"remediation": "reject", "message": "too far away"}
    row = governance.revise("price-tolerance", changes, reason="harder", by=by, at=sandbox)
    simulation.run(row, days=1, by=by, at=sandbox.replace(second=1))
    told = shown("/controls/price-tolerance/?version=2")
    assert "<b>remediation</b>: <del>flag</del> → <ins>reject</ins>" in told
    assert "<b>1</b> newly rejected" in told
    assert 'data-step="submit"' in told
    assert "came with the sandbox" in told
    now = shown("/controls/price-tolerance/")
    assert 'data-step="suspend"' in now
    assert 'data-step="submit"' not in now
    assert "data-step" not in shown("/controls/price-tolerance/", "alpha_trader")


def test_another_houses_control_and_an_unknown_one_are_not_there(
    sandbox: datetime, caller: Caller
) -> None:
    beta = caller("beta_compliance")
    stated: dict[str, Any] = {
        "name": "Beta's",
        "rule_class": "size.max_quantity",
        "params": {"max_qty": "5"},
        "remediation": "reject",
    }
    governance.draft("betas", stated, reason="r", by=beta, at=sandbox)
    client = Client()
    client.force_login(User.objects.get(username="alpha_compliance"))
    for path in ("/controls/betas/", "/controls/beta:betas/", "/controls/nothing/"):
        assert client.get(path).status_code == 404
    assert "betas" not in shown("/controls/", "alpha_admin")
