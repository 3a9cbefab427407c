"""Four eyes on controls: two people, versions that never change, and attacks on both."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from controls import content, evidence, governance, library, lifecycle, packs, screening, simulation
from controls.library import Gate
from controls.models import Control, ControlChange, Simulation
from controls.states import Pending
from oms_site.firm import generation
from oms_site.firm.models import Organization
from oms_site.journal import statements
from oms_site.journal.models import Event
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from tests.integration.controls import people, rows
from tests.unit.controls.tickets import AT, account, ticket

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing cached outlives a test that is rolled back."""
    empty: generation.Cached[dict[str, Gate]] = generation.Cached(library._load)
    monkeypatch.setattr(library, "_gates", empty)


def run(sql: str, *params: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def refusal(do: Callable[[], Any]) -> str:
    with pytest.raises(OmsError) as caught, transaction.atomic():
        do()
    return caught.value.code


def outcome(organization_id: str = "alpha", **changes: Any) -> tuple[str, list[str], list[str]]:
    generation.check()
    subject = ticket(**{"organization_id": organization_id, "accounts": (), **changes})
    (verdict,) = screening.screen([subject], at=AT)
    failed = [one["control_id"] for one in verdict.failed_controls()]
    return verdict.outcome, failed, [one["control_id"] for one in verdict.warnings()]


def stored(**changes: Any) -> None:
    """A stored verdict of the controls in force about a ticket."""
    generation.check()
    subject = ticket(**changes)
    (verdict,) = screening.screen([subject], at=AT)
    row = verdict.row(subject)
    statements.insert([(type(row), [row])])


# --- two people ----------------------------------------------------------------------------------
def test_a_control_comes_into_force_by_two_people_and_its_history_says_who() -> None:
    row = people.drafted()
    assert outcome(limit_price=D("90")) == ("passed", [], [])
    row = people.released(row)
    assert (row.status, row.approved_by_id) == ("active", people.checker().user_id)
    assert outcome(limit_price=D("90")) == ("flagged", ["collar"], [])
    steps = [(c.action, c.maker_id, c.checker_id) for c in governance.history(row)]
    maker, checker = people.maker().user_id, people.checker().user_id
    assert steps == [
        ("create", maker, None),
        ("submit", maker, None),
        ("approve", maker, checker),
    ]


def test_neither_the_author_nor_who_asked_may_approve() -> None:
    row = people.drafted()
    lifecycle.submit(row.pk, by=people.checker(), at=AT)
    for by in (people.maker(), people.checker()):
        asked = partial(lifecycle.approve, row.pk, by=by, at=AT)
        assert refusal(asked) == "self_approval"


def test_a_trader_and_another_house_change_nothing() -> None:
    row = people.drafted()
    trader = people.principal("tom", role="trader")
    assert refusal(lambda: lifecycle.submit(row.pk, by=trader, at=AT)) == "not_entitled"
    stranger = people.maker("beta")
    assert refusal(lambda: lifecycle.submit(row.pk, by=stranger, at=AT)) == "not_found"
    assert refusal(lambda: governance.find("collar", by=stranger)) == "not_found"


@pytest.mark.parametrize("what", [Pending.SUSPEND, Pending.RETIRE])
def test_going_out_of_force_needs_a_second_person_as_well(what: Pending) -> None:
    row = people.released(people.drafted())
    lifecycle.request(row.pk, what, reason="noisy", by=people.maker(), at=AT)
    assert outcome(limit_price=D("90"))[0] == "flagged"
    assert refusal(lambda: lifecycle.approve(row.pk, by=people.maker(), at=AT)) == "self_approval"
    lifecycle.approve(row.pk, by=people.checker(), at=AT)
    assert outcome(limit_price=D("90"))[0] == "passed"


def test_a_refused_draft_is_a_draft_again_and_may_be_discarded() -> None:
    row = people.drafted()
    lifecycle.submit(row.pk, by=people.maker(), at=AT)
    row = lifecycle.reject(row.pk, reason="too wide", by=people.checker(), at=AT)
    assert (row.status, row.pending) == ("draft", "")
    assert lifecycle.discard(row.pk, by=people.maker(), at=AT).status == "retired"


def test_approval_demands_a_fresh_simulation_of_this_very_version() -> None:
    row = people.drafted()
    lifecycle.submit(row.pk, by=people.maker(), at=AT)

    def approve() -> Control:
        return lifecycle.approve(row.pk, by=people.checker(), at=AT)

    assert refusal(approve) == "simulation_required"
    simulation.run(row, days=1, by=people.maker(), at=AT - timedelta(hours=25))
    assert refusal(approve) == "simulation_required"
    simulation.run(row, days=1, by=people.maker(), at=AT - timedelta(hours=23))
    assert approve().status == "active"


# --- versions ------------------------------------------------------------------------------------
def test_an_edit_is_a_version_that_replaces_the_old_one_in_the_same_moment() -> None:
    first = people.released(people.drafted())
    changes = {"params": {"max_percent": D("8.5"), "max_age_s": 60}, "remediation": "reject"}
    second = governance.revise("collar", changes, reason="wider", by=people.maker(), at=AT)
    assert content.diff(first, second) == [
        {"field": "params.max_age_s", "from": 86_400, "to": 60},
        {"field": "params.max_percent", "from": "3", "to": "8.5"},
        {"field": "remediation", "from": "flag", "to": "reject"},
    ]
    assert outcome(limit_price=D("95"))[0] == "flagged"
    people.released(second)
    run("SET CONSTRAINTS ALL IMMEDIATE")
    assert list(Control.objects.order_by("version").values_list("status", flat=True)) == [
        "retired",
        "active",
    ]
    assert outcome(limit_price=D("95"))[0] == "passed"


def test_a_version_for_later_leaves_the_old_one_in_force_until_then() -> None:
    people.released(people.drafted())
    later = AT + timedelta(days=3650)
    second = governance.revise(
        "collar",
        {"effective_from": later.isoformat(), "remediation": "reject"},
        reason="next year",
        by=people.maker(),
        at=AT,
    )
    people.released(second)
    assert outcome(limit_price=D("90"))[0] == "flagged"
    assert (
        outcome(limit_price=D("90"), at=later - timedelta(seconds=1), reference=None)[0]
        == "flagged"
    )
    assert outcome(limit_price=D("90"), at=later, reference=None)[0] == "rejected"


def test_effective_dates_are_asked_per_ticket() -> None:
    until = AT + timedelta(hours=1)
    people.released(
        people.drafted(effective_from=AT.isoformat(), effective_until=until.isoformat())
    )
    for at, expected in (
        (AT - timedelta(seconds=1), "passed"),
        (AT, "flagged"),
        (until, "passed"),
    ):
        assert outcome(limit_price=D("90"), at=at)[0] == expected


# --- slices, warnings, messages ------------------------------------------------------------------
def test_a_control_for_one_account_ignores_the_others() -> None:
    row = people.drafted(remediation="flag")
    Control.objects.filter(pk=row.pk).first()
    mine, other = account("A1"), account("B1")
    bound = library.bind(
        code="c",
        version=1,
        name="C",
        rule_class="price.collar",
        params={"max_percent": "3", "max_age_s": 86_400},
        remediation="reject",
        scope={"account": ["A1"], "side": ["buy"]},
    )
    gate = library.gate([bound])

    def asked(**changes: Any) -> bool:
        return bound in gate.controls_for(ticket(**changes))

    assert asked(accounts=(mine,))
    assert asked(accounts=(other, mine))
    assert not asked(accounts=(other,))
    assert not asked(accounts=(mine,), side="sell")


def test_a_warning_is_kept_and_told_and_the_order_proceeds() -> None:
    people.released(people.drafted(remediation="warn", message="{cusip}: {finding}"))
    assert outcome(limit_price=D("90")) == ("passed", [], ["collar"])
    subject = ticket(accounts=(), limit_price=D("90"))
    (verdict,) = screening.screen([subject], at=AT)
    assert verdict.warnings()[0]["control_message"].startswith("912810SX7: Limit 90.000 is")
    kept = screening.read_results(verdict.row(subject).results)
    assert [one["effect"] for one in kept][-1] == "warn"


@pytest.mark.parametrize(
    ("stated", "field"),
    [
        ({"params": {"max_percent": "x", "max_age_s": 1}}, "params.max_percent"),
        ({"params": {"max_percent": "1"}}, "params.max_age_s"),
        ({"params": {"max_percent": "-1", "max_age_s": 1}}, "params.max_percent"),
        ({"params": {"max_percent": "1", "max_age_s": 1, "most": 2}}, "params.most"),
        ({"rule_class": "no.rule"}, "rule_class"),
        ({"remediation": "shrug"}, "remediation"),
        ({"regulatory": True}, "remediation"),
        ({"slice": {"moon": ["x"]}}, "slice.moon"),
        ({"slice": {"side": ["up"]}}, "slice.side"),
        ({"slice": {"account": ["nowhere"]}}, "slice.account"),
        ({"slice": {"asset_class": ["cheese"]}}, "slice.asset_class"),
        ({"slice": {"instrument_list": ["nope"]}}, "slice.instrument_list"),
        ({"slice": {"api_key": ["0"]}}, "slice.api_key"),
        ({"assigned_to": ["beta"]}, "assigned_to"),
        ({"message": "{cusip.__class__}"}, "message"),
        ({"effective_from": "tomorrow"}, "effective_from"),
        ({"color": "red"}, "color"),
    ],
)
def test_what_cannot_work_is_refused_by_the_field_at_fault(
    stated: dict[str, Any], field: str
) -> None:
    rows.organization("beta")
    with pytest.raises(OmsError) as caught:
        people.drafted(**stated)
    assert field in [detail.field for detail in caught.value.details]
    assert not Control.objects.exists()


# --- regulatory ----------------------------------------------------------------------------------
def test_a_regulatory_control_is_never_softened_suspended_or_suppressed() -> None:
    row = people.released(people.drafted(regulatory=True, remediation="reject"))

    def revise(**changes: Any) -> Callable[[], Control]:
        return lambda: governance.revise("collar", changes, reason="x", by=people.maker(), at=AT)

    assert refusal(revise(remediation="flag")) == "regulatory_control"
    assert refusal(revise(remediation="flag", regulatory=False)) == "regulatory_control"
    ask = lifecycle.request
    assert (
        refusal(lambda: ask(row.pk, Pending.SUSPEND, reason="x", by=people.maker(), at=AT))
        == "regulatory_control"
    )


def test_nobody_may_suppress_a_regulatory_price_check() -> None:
    for regulatory, expected in ((False, "passed"), (True, "rejected")):
        bound = library.bind(
            code="pmp",
            version=1,
            name="PMP",
            rule_class="price.pmp",
            params={"max_percent": "1", "max_age_s": 86_400},
            remediation="reject",
            regulatory=regulatory,
        )
        subject = ticket(limit_price=D("150"), pmp_suppressed_by="tina", stage="execution_order")
        assert screening.judge((bound,), subject, at=AT).outcome == expected


# --- parents and children ------------------------------------------------------------------------
def test_a_parents_control_binds_its_child_which_sees_it_and_cannot_change_it() -> None:
    rows.organization("house")
    Organization.objects.filter(id=rows.organization("alpha").id).update(parent_id="house")
    row = people.released(people.drafted("cap", of="house", assigned_to=["alpha"]))
    assert outcome(limit_price=D("90"))[:2] == ("flagged", ["house:cap"])
    assert outcome("house", limit_price=D("90"))[0] == "passed"
    child = people.maker()
    assert governance.find("house:cap", by=child).pk == row.pk
    for do in (
        lambda: governance.own("house:cap", by=child),
        lambda: governance.revise(
            "house:cap", {"remediation": "warn"}, reason="x", by=child, at=AT
        ),
    ):
        assert refusal(do) == "assigned_by_parent"
    retire = lifecycle.request
    assert (
        refusal(lambda: retire(row.pk, Pending.RETIRE, reason="x", by=child, at=AT)) == "not_found"
    )


# --- attacks on the tables -----------------------------------------------------------------------
def _new(**values: Any) -> Control:
    given = {"organization_id": "alpha", "code": "x", "name": "X", "created_at": AT, **values}
    return Control.objects.create(rule_class="price.collar", remediation="reject", **given)


ATTACKS: list[tuple[str, Callable[[Control, int, int], Any]]] = [
    ("starts as a draft", lambda row, a, b: _new(status="active")),
    ("starts as a draft", lambda row, a, b: _new(status="pending_approval", pending="activate")),
    (
        "a version never changes",
        lambda row, a, b: Control.objects.filter(pk=row.pk).update(params={"max_percent": "99"}),
    ),
    (
        "a version never changes",
        lambda row, a, b: run('UPDATE controls_control SET slice = \'{"side": ["buy"]}\''),
    ),
    (
        "a version never changes",
        lambda row, a, b: run("UPDATE controls_control SET origin = 'system'"),
    ),
    (
        "a second one approve it",
        lambda row, a, b: run("UPDATE controls_control SET status = 'suspended'"),
    ),
    (
        "a second one approve it",
        lambda row, a, b: run("UPDATE controls_control SET status = 'retired'"),
    ),
    (
        "cannot go from active to draft",
        lambda row, a, b: run("UPDATE controls_control SET status = 'draft'"),
    ),
    (
        "control_maker_is_not_checker|second one approve",
        lambda row, a, b: run(
            "UPDATE controls_control SET pending = 'retire', requested_by_id = %s,"
            " decided_by_id = NULL; UPDATE controls_control SET pending = '', status = 'retired',"
            " decided_by_id = %s".replace("%s", str(a))
        ),
    ),
    (
        "an approval is the step",
        lambda row, a, b: run("UPDATE controls_control SET approved_by_id = %s", a),
    ),
    (
        "its successor is not in force",
        lambda row, a, b: run(
            "UPDATE controls_control SET status = 'retired', superseded_by_id = id"
        ),
    ),
    ("ledgers name it", lambda row, a, b: run("DELETE FROM controls_control")),
    (
        "append-only",
        lambda row, a, b: run("UPDATE controls_controlchange SET reason = 'nothing'"),
    ),
    ("append-only", lambda row, a, b: ControlChange.objects.all().delete()),
    ("append-only", lambda row, a, b: Simulation.objects.all().update(complete=True)),
    ("no child", lambda row, a, b: _new(assigned_to=["beta"])),
    ("remediation_known", lambda row, a, b: _new_soft("shrug")),
]


def _new_soft(remediation: str) -> Control:
    return Control.objects.create(
        organization_id="alpha",
        code="y",
        name="Y",
        rule_class="price.collar",
        remediation=remediation,
        created_at=AT,
    )


@pytest.mark.parametrize(("law", "attack"), ATTACKS, ids=map(str, range(len(ATTACKS))))
def test_the_database_refuses_what_the_rooms_refuse(law: str, attack: Any) -> None:
    rows.organization("beta")
    row = people.released(people.drafted())
    with pytest.raises(DatabaseError, match=law), transaction.atomic():  # noqa: PT012
        attack(row, people.maker().user_id, people.checker().user_id)
        run("SET CONSTRAINTS ALL IMMEDIATE")
    assert list(Control.objects.values_list("status", "version")) == [("active", 1)]


def test_the_database_refuses_that_one_person_puts_a_draft_in_force() -> None:
    row, one = people.drafted(), people.maker().user_id
    run(
        "UPDATE controls_control SET status = 'pending_approval', pending = 'activate',"
        " requested_by_id = %s",
        people.checker().user_id,
    )
    for decided in ("NULL", str(people.checker().user_id), str(one)):
        with pytest.raises(DatabaseError), transaction.atomic():
            run(
                "UPDATE controls_control SET status = 'active', pending = '', approved_at = now(),"
                f" approved_by_id = {decided}, decided_by_id = {decided} WHERE id = {row.pk}"
            )


# --- simulation ----------------------------------------------------------------------------------
def test_a_simulation_says_what_would_have_been_flagged_by_account_and_trader() -> None:
    rows.organization()
    stored(order_id="mo_1", limit_price=D("99"))
    stored(order_id="mo_2", limit_price=D("94.123"))
    stored(order_id="mo_3", limit_price=D("90"), phase="closed")
    stored(order_id="mo_4", limit_price=D("90"), organization_id="beta", accounts=())
    heard: list[int] = []
    row = people.drafted()
    made = simulation.run(
        row, days=1, by=people.maker(), at=AT + timedelta(hours=1), progress=heard.append
    )
    assert (made.tickets, made.complete, heard) == (3, True, [3])
    report = made.report
    assert (report["newly_flagged"], report["newly_rejected"], report["newly_passed"]) == (1, 0, 0)
    assert report["by_account"] == {"A1": {"newly_flagged": 1}}
    assert report["by_trader"] == {"tina": {"newly_flagged": 1}}
    (sample,) = report["samples"]
    assert (sample["order_id"], sample["was"], sample["now"]) == ("mo_2", "passed", "flagged")
    assert "94.123" in sample["message"]
    assert report["unreadable"] == 0


def test_a_simulation_of_a_milder_version_says_what_would_have_passed() -> None:
    people.released(people.drafted())
    stored(limit_price=D("94"))
    milder = governance.revise(
        "collar",
        {"params": {"max_percent": "50", "max_age_s": 86_400}},
        reason="milder",
        by=people.maker(),
        at=AT,
    )
    made = simulation.run(milder, days=1, by=people.maker(), at=AT + timedelta(hours=1))
    assert (made.report["newly_passed"], made.report["newly_flagged"]) == (1, 0)


def test_a_simulation_that_was_cut_short_does_not_count() -> None:
    rows.organization()
    for number in range(3):
        stored(order_id=f"mo_{number}")
    row = people.drafted()
    lifecycle.submit(row.pk, by=people.maker(), at=AT)
    at = AT + timedelta(hours=1)
    made = simulation.run(row, days=1, by=people.maker(), at=at, most=2)
    assert (made.tickets, made.complete) == (2, False)
    approve = lifecycle.approve
    assert refusal(lambda: approve(row.pk, by=people.checker(), at=at)) == "simulation_required"


# --- packs and evidence --------------------------------------------------------------------------
@pytest.mark.parametrize("name", list(packs.PACKS))
def test_a_pack_is_installed_once_as_drafts_with_citations(name: str) -> None:
    people.maker()
    pack = packs.find(name)
    made = packs.install(pack, "alpha", at=AT)
    assert len(made) == len(pack.items)
    assert all(row.status == "draft" and row.citation for row in made)
    assert packs.install(pack, "alpha", at=AT) == []


def test_a_pack_comes_into_force_by_two_named_users() -> None:
    people.maker(), people.checker()
    call_command(
        "install_pack",
        "15c3-5",
        "--organization",
        "alpha",
        "--activate",
        "alpha_maker",
        "alpha_checker",
    )
    found = Control.objects.filter(origin="pack:15c3-5@1")
    assert set(found.values_list("status", flat=True)) == {"active"}
    assert outcome(limit_price=D("200"))[0] == "rejected"


def test_the_review_report_lists_controls_changes_hits_and_overrides() -> None:
    people.released(people.drafted())
    stored(order_id="mo_9", limit_price=D("90"))
    found = evidence.report("alpha", since=AT - timedelta(days=1), until=AT + timedelta(days=1))
    assert [one["control_id"] for one in found["controls"]] == ["collar"]
    assert [one["action"] for one in found["changes"]] == ["create", "submit", "approve"]
    (hit,) = found["hits"]
    assert (hit["control_id"], hit["effect"], hit["orders"]) == ("collar", "flag", 1)
    assert found["overrides"] == []


# --- over the wire -------------------------------------------------------------------------------
def test_the_api_takes_a_control_from_draft_to_force_by_two_keys(
    api: Callable[..., Any],
) -> None:
    one, two, trader = (api(f"alpha_{name}") for name in ("compliance", "compliance2", "trader"))
    body = {**people.COLLAR, "control_id": "api-collar", "reason": "wanted"}
    body["params"] = {"max_percent": 0.5, "max_age_s": 500_000}
    assert trader.post("/v1/control/", body)[0] == 403
    status, made = one.post("/v1/control/", body)
    assert (status, made["status"], made["params"]["max_percent"]) == (201, "draft", "0.5")
    assert one.post("/v1/control/", body)[1]["code"] == "control_exists"
    path = "/v1/control/api-collar/"
    assert one.post(f"{path}submit/", {})[1]["status"] == "pending_approval"
    assert two.post(f"{path}approve/", {})[1]["code"] == "simulation_required"
    assert one.post(f"{path}simulate/", {"days": 7})[0] == 201
    assert one.post(f"{path}approve/", {})[1]["code"] == "self_approval"
    status, released = two.post(f"{path}approve/", {"reason": "fine"})
    assert (status, released["status"], released["approved_by"]) == (
        200,
        "active",
        "alpha_compliance2",
    )
    status, second = one.post(f"{path}version/", {"remediation": "reject", "reason": "harder"})
    assert (status, second["version"]) == (201, 2)
    differences = trader.get(f"{path}diff/?from=1&to=2")[1]["differences"]
    assert differences == [{"field": "remediation", "from": "flag", "to": "reject"}]
    assert one.post(f"{path}suspend/", {"reason": "noisy"})[1]["pending"] == "suspend"
    assert two.post(f"{path}approve/", {})[1]["status"] == "suspended"
    actions = [c["action"] for c in trader.get(f"{path}history/")[1]["changes"]]
    assert actions == ["create", "submit", "approve", "create", "request_suspend", "suspend"]
    assert api("beta_compliance").get(path)[0] == 404
    ids = {c["control_id"] for c in trader.get("/v1/control/?status=active")[1]["controls"]}
    assert "price-tolerance" in ids
    assert one("DELETE", path, {"reason": "over"})[0] == 202


def test_the_api_names_the_parameter_at_fault(api: Callable[..., Any]) -> None:
    body = {**people.COLLAR, "control_id": "bad", "reason": "x", "params": {"max_percent": "1"}}
    status, answer = api("alpha_compliance").post("/v1/control/", body)
    assert status == 422
    assert answer["error_details"][0]["field"] == "params.max_age_s"


def test_an_orders_event_tells_the_warning_and_the_order_proceeds(api: Callable[..., Any]) -> None:
    stated = {**people.COLLAR, "remediation": "warn"}
    stated["params"] = {"max_percent": "0.001", "max_age_s": 500_000}
    one = people.principal("alpha_compliance")
    row = governance.draft("near", stated, reason="x", by=one, at=clock.now())
    two = people.principal("alpha_compliance2")
    lifecycle.submit(row.pk, by=one, at=clock.now())
    simulation.run(row, days=1, by=one, at=clock.now())
    lifecycle.approve(row.pk, by=two, at=clock.now())
    trader = api("alpha_trader")
    status, order = trader.submit(limit_price=97)
    assert (status, order["status"]) == (201, "pending_execution")
    event = Event.objects.get(order_id=order["id"], event_type="approve")
    (warning,) = json.loads(event.body)["event"]["warnings"]
    assert (warning["control_id"], warning["remediation"]) == ("near", "warn")
