"""Configuration: edits make versions, keys are told once, what cannot work is refused."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from allocations.models import Account, RiskGroup
from controls import library
from controls.models import Control
from oms_site.firm import api_keys, generation, policies, principals
from oms_site.firm.models import ApiKey, Policy, RoleChange, digest
from oms_site.kit import clock
from orders.models import Ruleset
from tests import factories
from tests.integration.admin import ledger
from tests.integration.admin.test_pages import address, browser
from venues import certification
from venues.models import Instrument, Venue

pytestmark = pytest.mark.django_db
LIMIT = {
    "organization": "alpha",
    "code": "max-quantity",
    "name": "Maximum quantity",
    "rule_class": "size.max_quantity",
    "params": '{"max_qty": "1000"}',
    "remediation": "reject",
}


@pytest.fixture
def boss() -> Client:
    """The browser of alpha's admin."""
    return browser("boss", of="alpha", role="admin")


def _release(client: Client, row: Any) -> None:
    """One person asks, a second one approves."""
    factories.policy(organization=factories.organization("alpha"))
    second = browser(f"second_{row.version}", of="alpha", role="admin")
    for who, step in ((client, "submit"), (client, "simulate"), (second, "approve")):
        _do(who, row, step)


def _do(client: Client, row: Any, name: str) -> None:
    page = address(type(row), "change", row.pk).removesuffix("change/") + f"{name}/"
    assert client.post(page, {"_form_submitted": "True"}).status_code == 200


def _add_control(client: Client, **changes: str) -> Any:
    return client.post("/admin/controls/control/add/", {**LIMIT, **changes})


# --- controls --------------------------------------------------------------------------------
def test_an_edit_of_a_control_is_a_draft_of_the_next_version(boss: Client) -> None:
    _add_control(boss)
    first = Control.objects.get()
    assert (first.version, first.status, first.type) == (1, "draft", "order")
    _release(boss, first)
    answer = boss.post(
        address(Control, "change", first.pk),
        {**LIMIT, "code": "other", "params": '{"max_qty": "500"}'},
    )
    second = Control.objects.get(version=2)
    assert answer["Location"] == address(Control, "change", second.pk)
    first = ledger.again(first)
    assert (first.status, first.params) == ("active", {"max_qty": "1000"})
    assert (second.status, second.params, second.code) == (
        "draft",
        {"max_qty": "500"},
        "max-quantity",
    )


def test_activating_a_version_retires_the_one_in_force(boss: Client) -> None:
    _add_control(boss)
    first = Control.objects.get()
    _release(boss, first)
    boss.post(address(Control, "change", first.pk), {**LIMIT, "remediation": "flag"})
    second = Control.objects.get(version=2)
    _do(boss, second, "submit")
    _do(boss, second, "simulate")
    _do(boss, second, "approve")  # his own
    assert dict(Control.objects.values_list("version", "status")) == {
        1: "active",
        2: "pending_approval",
    }
    _do(browser("other", of="alpha", role="compliance"), second, "approve")
    assert dict(Control.objects.values_list("version", "status")) == {1: "retired", 2: "active"}
    generation.check()
    assert [c.version for c in library.of("alpha").controls if c.code == "max-quantity"] == [2]
    _do(boss, first, "submit")  # for ever is for ever
    assert dict(Control.objects.values_list("version", "status")) == {1: "retired", 2: "active"}


def test_saving_a_control_without_a_change_makes_no_version(boss: Client) -> None:
    _add_control(boss)
    boss.post(address(Control, "change", Control.objects.get().pk), LIMIT)
    assert Control.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"params": '{"max_qty": 1000.5}'}, "Write decimals as text"),
        ({"params": '{"max_qty": "-1"}'}, "must be above zero"),
        ({"params": '{"most": "5"}'}, "most"),
        ({"params": "{"}, "Enter a valid JSON"),
        ({"regulatory": "on", "remediation": "flag"}, "always rejects"),
        ({"rule_class": "no.such.rule"}, "Select a valid choice"),
        ({"asset_classes": "cheese"}, "Select a valid choice"),
    ],
)
def test_a_control_that_cannot_work_is_refused(
    boss: Client, changes: dict[str, str], told: str
) -> None:
    answer = _add_control(boss, **changes)
    assert told in answer.content.decode()
    assert not Control.objects.exists()


def test_a_second_control_of_the_same_code_is_an_edit_and_not_an_addition(boss: Client) -> None:
    _add_control(boss)
    assert b"edit it instead" in _add_control(boss).content
    assert Control.objects.count() == 1


def test_every_step_of_a_control_is_in_its_history(boss: Client) -> None:
    _add_control(boss)
    _do(boss, Control.objects.get(), "submit")
    entries = LogEntry.objects.order_by("pk").values_list("user__username", "change_message")
    assert [name for name, _ in entries] == ["boss", "boss"]
    assert entries[1][1] == "pending_approval, and waits to activate."


# --- policies and rules ----------------------------------------------------------------------
def test_an_edit_of_a_policy_decides_what_comes_after_it(boss: Client) -> None:
    first = factories.policy(organization=factories.organization("alpha"))
    changed = {"organization": "alpha", "preset": "guide", "rules": '{"buy_in_days": 2}'}
    boss.post(address(Policy, "change", first.pk), {**changed, "reason": "as the market does"})
    first = ledger.again(first)
    assert first.rules == {}
    second = Policy.objects.get(version=2)
    assert second.effective_at > first.effective_at
    _do(boss, second, "approve")
    generation.check()
    assert policies.of("alpha", at=clock.now())["buy_in_days"] == 4
    _do(browser("second", of="alpha", role="compliance"), second, "approve")
    generation.check()
    assert policies.of("alpha", at=clock.now())["buy_in_days"] == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"rules": '{"buy_in_days": "2"}'},
        {"rules": '{"no_such_rule": 1}'},
        {"rules": "[]", "effective_at_0": "2020-01-01", "effective_at_1": "00:00:00"},
        {"rules": '["buy_in_days"]'},
    ],
)
def test_a_policy_that_cannot_be_read_is_refused(boss: Client, changes: dict[str, str]) -> None:
    factories.organization("alpha")
    told = {"organization": "alpha", "preset": "guide", "reason": "why", **changes}
    assert boss.post("/admin/firm/policy/add/", told).status_code == 200
    assert not Policy.objects.exists()


def _rules(**then: str) -> str:
    then = {"protocol": "limit_order_book", "strategy": "smart_order_routing", **then}
    return json.dumps([{"id": "all", "when": {"max_qty": "1000"}, "then": then}])


def test_one_version_of_the_routing_rules_is_active(boss: Client) -> None:
    boss.post("/admin/orders/ruleset/add/", {"organization": "alpha", "rules": _rules()})
    first = Ruleset.objects.get()
    _do(boss, first, "activate")
    boss.post(address(Ruleset, "change", first.pk), {"organization": "alpha", "rules": "[]"})
    second = Ruleset.objects.get(version=2)
    assert not second.active
    _do(boss, second, "activate")
    assert dict(Ruleset.objects.values_list("version", "active")) == {1: False, 2: True}


@pytest.mark.parametrize(
    "rules",
    [
        _rules(protocol="telepathy"),
        _rules(strategy="manual", venue_id="nowhere"),
        '[{"id": "all"}]',
        '{"id": "all"}',
        _rules().replace('"1000"', '"many"'),
        _rules().replace('"max_qty"', '"most"'),
        _rules()[:-1] + "," + _rules()[1:],
    ],
)
def test_rules_that_routing_could_not_follow_are_refused(boss: Client, rules: str) -> None:
    answer = boss.post("/admin/orders/ruleset/add/", {"organization": "alpha", "rules": rules})
    assert answer.status_code == 200
    assert not Ruleset.objects.exists()


# --- keys ------------------------------------------------------------------------------------
def test_a_new_key_is_told_once_and_only_its_digest_is_kept(boss: Client) -> None:
    owner = factories.user("machine", of="alpha", role="trader")
    answer = boss.post("/admin/firm/apikey/add/", {"user": owner.pk})
    (token,) = re.findall(r"oems_test_[0-9a-f]{36}", answer.content.decode())
    assert "no-store" in answer.headers["Cache-Control"]
    key = ApiKey.objects.get()
    assert (key.digest, key.user, key.sandbox) == (digest(token), owner, True)
    # What people recognize it by leaves 128 bits secret.
    assert len(token) - len(key.prefix) == 32
    caller = principals.of_api_key(token)
    assert caller is not None
    assert caller.username == "machine"
    for page in ("changelist", "change", "history"):
        args = [] if page == "changelist" else [key.pk]
        assert token not in boss.get(address(ApiKey, page, *args)).content.decode()
    assert not LogEntry.objects.filter(change_message__contains=token).exists()
    assert token not in str(boss.cookies)


def test_a_revoked_key_opens_nothing_and_stays_revoked(boss: Client) -> None:
    owner = factories.user("machine", of="alpha", role="trader")
    key, token = api_keys.issue(owner)
    assert principals.of_api_key(token) is not None
    _do(boss, key, "revoke")
    assert principals.of_api_key(token) is None
    key = ledger.again(key)
    ended = key.revoked_at
    _do(boss, key, "revoke")
    key = ledger.again(key)
    assert key.revoked_at == ended


def test_a_key_cannot_be_edited_deleted_or_made_for_an_idle_user(boss: Client) -> None:
    key, _ = api_keys.issue(factories.user("machine", of="alpha", role="trader"))
    idle = factories.user("gone", of="alpha", role="trader", is_active=False)
    assert boss.post(address(ApiKey, "change", key.pk), {"sandbox": ""}).status_code == 403
    assert boss.post(address(ApiKey, "delete", key.pk), {"post": "yes"}).status_code == 403
    assert boss.post("/admin/firm/apikey/add/", {"user": idle.pk}).status_code == 200
    past = {"user": key.user_id, "expires_at_0": "2020-01-01", "expires_at_1": "00:00:00"}
    assert boss.post("/admin/firm/apikey/add/", past).status_code == 200
    assert ApiKey.objects.count() == 1


# --- the rest --------------------------------------------------------------------------------
def test_an_organizations_admin_adds_people_of_his_own(boss: Client) -> None:
    told = {
        "username": "novice",
        "organization": "alpha",
        "email": "",
        "password1": "a-new-Pass-9",
        "password2": "a-new-Pass-9",
        "roles": ["trader", "operations"],
        "is_staff": "on",
    }
    assert boss.post("/admin/firm/user/add/", told).status_code == 302
    client = Client()
    assert client.login(username="novice", password="a-new-Pass-9")
    assert client.get("/admin/orders/order/").status_code == 403
    asked = RoleChange.objects.get(user__username="novice")
    _do(boss, asked, "approve")
    assert client.get("/admin/orders/order/").status_code == 403
    _do(browser("second", of="alpha", role="compliance"), asked, "approve")
    assert client.get("/admin/orders/order/").status_code == 200


def test_two_accounts_of_an_organization_cannot_share_a_code(boss: Client) -> None:
    owner = factories.organization("alpha")
    one = factories.account(organization=owner, code="ONE")
    two = factories.account(organization=owner, code="TWO")
    told = {
        "organization": "alpha",
        "code": "ONE",
        "name": two.name,
        "custodian": two.custodian_id,
        "risk_group": two.risk_group_id,
        "currency": "USD",
        "status": "active",
    }
    assert boss.post(address(Account, "change", two.pk), told).status_code == 200
    two = ledger.again(two)
    assert (one.code, two.code) == ("ONE", "TWO")


def test_editing_a_venue_leaves_its_heartbeat_alone() -> None:
    root = browser("root", of=None, is_superuser=True)
    venue = factories.venue()
    told = {
        "name": "Renamed",
        "mpid": "XSIM",
        "gateway": "simulator",
        "protocols": ["limit_order_book"],
        "asset_classes": ["treasury"],
        "amends": "replace",
        "template": "{}",
        "max_messages_per_s": 100,
        "preference": 100,
        "status": "testing",
        "last_heard_at_0": "2020-01-01",
        "last_heard_at_1": "00:00:00",
    }
    assert root.post(address(Venue, "change", venue.pk), told).status_code == 302
    venue = ledger.again(venue)
    assert (venue.name, venue.asset_classes) == ("Renamed", ["treasury"])
    assert venue.last_heard_at is None


def test_a_venue_is_activated_only_as_it_was_certified() -> None:
    root = browser("root", of=None, is_superuser=True)
    venue = factories.venue()
    told = {
        "name": "Simulated Exchange",
        "mpid": "XSIM",
        "gateway": "simulator",
        "protocols": ["limit_order_book"],
        "amends": "replace",
        "template": "{}",
        "max_messages_per_s": 100,
        "preference": 100,
        "status": "active",
    }
    page = address(Venue, "change", venue.pk)
    assert b"Not certified" in root.post(page, told).content
    at = factories.AT
    certification.note(venue, [], began_at=at, ended_at=at, by="test")
    changed = root.post(page, {**told, "max_qty": "5000"})
    assert b"max_qty must be certified anew" in changed.content
    assert root.post(page, told).status_code == 302
    assert ledger.again(venue).status == "active"
    assert b"must be certified anew" in root.post(page, {**told, "amends": "cancel_new"}).content
    assert root.post(page, {**told, "name": "Another"}).status_code == 302
    assert b"silent" in root.get("/admin/venues/venue/").content


def test_decimals_are_edited_without_trailing_zeros() -> None:
    root = browser("root", of=None, is_superuser=True)
    instrument = factories.instrument(coupon_percent=Decimal("2.375"))
    page = root.get(address(Instrument, "change", instrument.pk)).content.decode()
    assert 'value="2.375"' in page
    assert "2.375000" not in page


@pytest.mark.parametrize(
    "changes",
    [
        {"day_count": "guess"},
        {"frequency": 3},
        {"maturity_date": "2020-01-01"},
        {"coupon_percent": ""},
    ],
)
def test_bond_terms_that_would_stop_every_instrument_are_refused(changes: dict[str, Any]) -> None:
    root = browser("root", of=None, is_superuser=True)
    bond = factories.instrument()
    names = [field.name for field in Instrument._meta.concrete_fields if field.name != "id"]
    told = {name: value for name in names if (value := getattr(bond, name)) not in (None, False)}
    page = address(Instrument, "change", bond.pk)
    assert root.post(page, {**told, "rating": "AA+"}).status_code == 302
    assert root.post(page, {**told, "rating": "B", **changes}).status_code == 200
    assert ledger.again(bond).rating == "AA+"


def test_fees_that_could_not_be_charged_are_refused(boss: Client) -> None:
    group = factories.risk_group(organization=factories.organization("alpha"))
    page = address(RiskGroup, "change", group.pk)
    told = {"organization": "alpha", "name": "Renamed"}
    for fees in ('[{"fee_type": "tip"}]', '{"fee_type": "tip"}', '["tip"]'):
        assert boss.post(page, {**told, "fees": fees}).status_code == 200
    assert ledger.again(group).name == group.name
    assert boss.post(page, {**told, "fees": "[]"}).status_code == 302
    assert ledger.again(group).name == "Renamed"


def test_a_trading_day_holds_its_own_hours() -> None:
    root = browser("root", of=None, is_superuser=True)
    hours = {
        f"{name}_{part}": value
        for name, at in (
            ("extended_open", "12:30:00"),
            ("regular_open", "13:30:00"),
            ("regular_close", "18:00:00"),
            ("extended_close", "19:00:00"),
        )
        for part, value in ((0, "2026-11-25"), (1, at))
    }
    told = {"market": "SIFMA", "date": "2026-11-27", "kind": "half", **hours}
    assert root.post("/admin/venues/tradingdayrow/add/", told).status_code == 200
    right = {**told, "date": "2026-11-25"}
    assert root.post("/admin/venues/tradingdayrow/add/", right).status_code == 302
