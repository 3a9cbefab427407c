"""Every role asks every endpoint: what the table of rights says is what happens."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from oms_site.firm import principals
from oms_site.firm.models import User
from oms_site.firm.roles import Role
from oms_site.journal.models import Event
from orders.reference import endpoints, permissions
from orders.reference.endpoints import Endpoint
from tests.integration.firm import scene

pytestmark = pytest.mark.django_db
PEOPLE = {
    Role.TRADER: "trader",
    Role.SENIOR_TRADER: "senior",
    Role.COMPLIANCE: "compliance",
    Role.OPERATIONS: "ops",
    Role.AUDITOR: "auditor",
    Role.ADMIN: "admin",
}
REFUSED = {401, 403}
# Each organization names its own: another's is not meant.
OWN_NAMES = {"PUT template-detail"}
# Refusals for another reason than a missing right: the table cannot say more than "may ask".
OTHERWISE = {"self_approval", "self_release", "house_only"}


@pytest.fixture
def ids(sandbox: datetime) -> dict[str, str]:
    """One of everything that is Alpha's."""
    return scene.ids()


def ask(
    client: Client,
    one: Endpoint,
    ids: dict[str, str],
    *,
    look: Callable[[], None] = lambda: None,
    **headers: str,
) -> Any:
    """One request, after which somebody may look; whatever it does is undone."""
    given = {**ids, **scene.INSTEAD.get(one.key, {})}
    given = {name: ids.get(value, value) for name, value in given.items()}

    def value(match: re.Match[str]) -> str:
        return given.get(match[2], "7" if match[1] == "int:" else "nothing")

    path = re.sub(r"<(\w+:)?(\w+)>", value, one.path) + scene.QUERIES.get(one.key, "")
    body = json.dumps(scene.BODIES.get(one.key, scene.USUAL))
    for name, known in ids.items():
        body = body.replace("{" + name + "}", known)
    with transaction.atomic():
        answer = client.generic(
            one.method,
            path,
            "" if one.method == "GET" else body,
            content_type="application/json",
            headers=headers,
        )
        look()
        transaction.set_rollback(True)
    return answer


def caller(one: Endpoint, who: str) -> Client:
    """Somebody as this endpoint knows people: by key, or logged in."""
    if one.api:
        return Client(headers={"authorization": f"Bearer oems_test_{who}"})
    client = Client()
    client.force_login(User.objects.get(username=who))
    return client


def refused(answer: Any) -> bool:
    """Whether the caller's rights were not enough."""
    if answer.status_code not in REFUSED:
        return False
    code = json.loads(answer.content).get("code") if _is_json(answer) else ""
    return code not in OTHERWISE


def _is_json(answer: Any) -> bool:
    return str(answer.headers.get("Content-Type", "")).startswith("application/json")


def test_every_endpoint_has_a_line_and_every_line_an_endpoint() -> None:
    there = {one.key for one in endpoints.all_of_them()}
    assert sorted(there - set(permissions.RIGHTS)) == []
    assert sorted(set(permissions.RIGHTS) - there) == []


@pytest.mark.parametrize("role", list(Role))
def test_a_role_may_do_what_the_table_says_and_no_more(role: Role, ids: dict[str, str]) -> None:
    wrong = []
    for one in endpoints.all_of_them():
        if one.key not in permissions.RIGHTS:
            continue
        answer = ask(caller(one, f"alpha_{PEOPLE[role]}"), one, ids)
        may = permissions.may(role, permissions.RIGHTS[one.key])
        if refused(answer) == may:
            wrong.append(f"{one.key}: {answer.status_code} {answer.content[:90]!r}")
        if answer.status_code >= 500:
            wrong.append(f"{one.key}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)


def test_every_event_of_a_request_carries_its_id(ids: dict[str, str]) -> None:
    last = Event.objects.order_by("-id").values_list("id", flat=True)[0]
    strange, written = [], Counter[str]()
    asking = [one for one in endpoints.all_of_them() if one.method != "GET"]
    for role, one in itertools.product(Role, asking):
        key = f"{role}-{one.name}"[:64]

        def look(key: str = key, one: Endpoint = one) -> None:
            events = Event.objects.filter(id__gt=last).exclude(actor__startswith="system:")
            for event in events:
                written[event.event_type] += 1
                if event.correlation_id != key:
                    strange.append(f"{one.key}: {event.event_type}")

        ask(caller(one, f"alpha_{PEOPLE[role]}"), one, ids, look=look, **{"X-Correlation-ID": key})
    assert not strange, "\n".join(sorted(set(strange)))
    assert {"trading_halt", "mass_cancel_request", "order_group_create"} <= set(written), written


def test_a_user_without_any_role_may_nothing(ids: dict[str, str]) -> None:
    User.objects.filter(username="alpha_admin").update(roles=[])
    principals.forget()
    wrong = []
    for one in endpoints.all_of_them():
        if permissions.RIGHTS.get(one.key):
            answer = ask(caller(one, "alpha_admin"), one, ids)
            if not refused(answer):
                wrong.append(f"{one.key}: {answer.status_code} {answer.content[:90]!r}")
    assert not wrong, "\n".join(wrong)


def test_an_unknown_caller_is_asked_who_he_is(ids: dict[str, str]) -> None:
    wrong = []
    for n, one in enumerate(endpoints.all_of_them()):
        # From many addresses: strangers are soon told to wait.
        answer = ask(Client(REMOTE_ADDR=f"192.0.2.{n}"), one, ids)
        public = permissions.RIGHTS.get(one.key, ()) is permissions.PUBLIC
        login = answer.status_code == 302 and answer.headers["Location"].startswith("/login/")
        asked = answer.status_code == 401 if one.api else login
        if asked == public:
            wrong.append(f"{one.key}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", ["trader", "compliance", "ops", "admin"])
def test_what_is_alphas_is_not_there_for_beta(name: str, ids: dict[str, str]) -> None:
    wrong = []
    for one in endpoints.all_of_them():
        named = [part for part in re.findall(r"<(?:\w+:)?(\w+)>", one.path) if part in ids]
        if not set(named) - {"version", "kind", "step", "account", "control_id"}:
            continue
        if one.key in OWN_NAMES:
            continue
        answer = ask(caller(one, f"beta_{name}"), one, ids)
        if answer.status_code not in {403, 404}:
            wrong.append(f"{one.key}: {answer.status_code} {answer.content[:90]!r}")
    assert not wrong, "\n".join(wrong)


def test_the_page_shows_every_endpoint(sandbox: datetime, api: Callable[[str], Any]) -> None:
    text = permissions.page()
    for one in endpoints.all_of_them():
        assert f"`{one.method} {one.path}`" in text
