"""Limits as clients meet them: headers everywhere, lanes apart, strikes, restrictions, lifting."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, OperationalError, connection, transaction
from django.test import Client

from oms_site import asgi
from oms_site.firm import api_keys, principals
from oms_site.firm.models import ApiKey, User
from oms_site.firm.principals import Principal
from oms_site.journal.models import Event
from oms_site.kit import clock
from oms_site.kit.errors import OmsError
from oms_site.throttling import counting, gate, restrictions, tiers
from oms_site.throttling.limits import Lane, Verdict
from oms_site.throttling.models import RateGrant, RateRestriction, RateTier
from orders.models import Order
from tests.client import ORDER

ORDERS = "/v1/trading/order/"
HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


@pytest.fixture(autouse=True)
def _own_counters(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[None]:
    """Ids come again from test to test: what is counted is this test's alone."""
    mine = counting.Counters(settings.REDIS_URL, prefix=f"test:{uuid4()}:", processes=1)
    monkeypatch.setattr(counting, "_made", mine)
    gate.forget()
    yield
    gate.forget()


def client_of(username: str, tier: str = "") -> Client:
    """A client with a new key of a user, whose grant is on the user already."""
    key, token = api_keys.issue(User.objects.get(username=username))
    if tier:
        RateGrant.objects.create(api_key=key, tier_id=tier)
    return Client(headers={"authorization": f"Bearer {token}"})


def narrow(name: str = "narrow", **numbers: int) -> str:
    """A tier with small limits."""
    RateTier.objects.create(name=name, **numbers)
    return name


def send(client: Client, path: str = ORDERS, body: Any = None) -> Any:
    return client.post(path, json.dumps(body or ORDER), content_type="application/json")


def test_a_new_key_has_the_standard_tier_and_its_answers_say_so(sandbox: Any) -> None:
    answer = send(client_of("alpha_trader"))
    assert answer.status_code == 201
    assert [answer.headers[name] for name in HEADERS] == ["100", "99", "1"]


def test_the_seeded_keys_have_no_practical_limit(sandbox: Any) -> None:
    assert gate.decide(principals.of_api_key("oems_test_alpha_trader"), "", Lane.ORDERS).limit == (
        1_000_000
    )


def test_an_order_over_the_limit_is_refused_and_changes_nothing(sandbox: Any) -> None:
    client = client_of("alpha_trader", narrow(orders_per_minute=100))
    key = ApiKey.objects.latest("pk")
    who = principals.of_user(key.user, via="key", api_key_id=key.pk)
    item = gate._item(tiers.of(who).lanes[Lane.ORDERS], Lane.ORDERS, 1)
    full = [counting.counters().ask(item) for _ in range(100)]
    assert all(one.result(5).granted for one in full)
    before = (Order.objects.count(), Event.objects.count())
    answer = send(client)
    assert answer.status_code == 429
    assert answer.json()["error_type"] == "rate_limited"
    assert answer.json()["code"] == "rate_limited"
    assert 1 <= int(answer.headers["Retry-After"]) <= 61
    assert answer.headers["X-RateLimit-Remaining"] == "0"
    assert (Order.objects.count(), Event.objects.count()) == before


def test_cancels_and_questions_go_on_while_orders_are_refused(sandbox: Any) -> None:
    client = client_of("alpha_trader", narrow(orders_per_second=1, orders_per_minute=1))
    made = send(client)
    assert made.status_code == 201
    assert send(client).status_code == 429
    where = f"{ORDERS}{made.json()['id'] if 'id' in made.json() else made.json()['order_id']}/"
    assert client.get(where).status_code == 200
    assert client.delete(where).status_code == 202


def test_a_kill_switch_is_engaged_when_every_lane_is_full(sandbox: Any) -> None:
    client = client_of("alpha_trader", narrow(cancels_per_second=1, cancels_per_minute=1))
    for _ in range(3):
        client.delete(f"{ORDERS}mo_none/")
    assert client.delete(f"{ORDERS}mo_none/").status_code == 429
    body = {"scope": "organization", "reason": "too much", "confirm": "organization"}
    assert send(client, "/v1/kill-switch/", body).status_code == 201


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/nothing/here/", 404),
        ("PATCH", "/v1/trading/event/", 405),
        ("POST", ORDERS, 422),
        ("GET", "/v1/account/", 200),
        ("GET", "/v1/account", 301),
    ],
)
def test_every_answer_carries_the_headers(
    sandbox: Any, method: str, path: str, status: int
) -> None:
    answer = client_of("alpha_trader").generic(method, path, b"{}", "application/json")
    assert answer.status_code == status
    assert all(name in answer.headers for name in HEADERS)


def test_strangers_are_counted_by_address(sandbox: Any) -> None:
    client = Client(headers={"authorization": "Bearer nobody"})
    answers = [client.get("/v1/account/") for _ in range(40)]
    assert [one.status_code for one in answers[:20]] == [401] * 20
    assert answers[-1].status_code == 429
    assert all(name in one.headers for one in answers for name in HEADERS)


def test_a_bulk_counts_each_of_its_orders_and_goes_whole_or_not_at_all(sandbox: Any) -> None:
    client = client_of("alpha_trader", narrow(orders_per_second=5, orders_per_minute=5))
    four = {"orders": [ORDER] * 4}
    assert send(client, f"{ORDERS}bulk/", four).status_code in {200, 207}
    count = Order.objects.count()
    answer = send(client, f"{ORDERS}bulk/", four)
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert int(answer.headers["Retry-After"]) >= 1
    assert Order.objects.count() == count


def test_a_bulk_that_can_never_be_let_in_is_told_so(sandbox: Any) -> None:
    client = client_of("alpha_trader", narrow(orders_per_second=5, orders_per_minute=5))
    answer = send(client, f"{ORDERS}bulk/", {"orders": [ORDER] * 6})
    assert (answer.status_code, answer.json()["code"]) == (422, "more_than_rate")


def test_a_changed_tier_counts_at_once(sandbox: Any, client: Client) -> None:
    mine = client_of("alpha_trader", narrow(orders_per_second=1, orders_per_minute=1))
    assert [send(mine).status_code for _ in range(2)] == [201, 429]
    client.force_login(User.objects.get(username="house_admin"))
    page = "/admin/throttling/ratetier/narrow/change/"
    row = RateTier.objects.get(name="narrow")
    form = {
        field.name: getattr(row, field.name)
        for field in RateTier._meta.concrete_fields
        if field.name != "name"
    }
    assert client.post(page, {**form, "orders_per_second": 50}).status_code == 302
    key = ApiKey.objects.latest("pk")
    caller = tiers.of(principals.of_user(key.user, via="key", api_key_id=key.pk))
    assert caller.lanes[Lane.ORDERS][0].limits.per_second == 50


def test_an_organization_is_limited_as_a_whole_but_never_in_its_cancels(sandbox: Any) -> None:
    RateGrant.objects.create(
        organization_id="alpha", tier_id=narrow(orders_per_second=1, orders_per_minute=1)
    )
    one, other = client_of("alpha_trader"), client_of("alpha_senior")
    assert send(one).status_code == 201
    assert send(other).status_code == 429
    assert [one.delete(f"{ORDERS}mo_x/").status_code for _ in range(20)] == [404] * 20


def _offend(client: Client, strikes: int) -> list[int]:
    """Exceed the limit again after every pause, without waiting for it."""
    waits = []
    for _ in range(strikes):
        answer = send(client)
        while answer.status_code != 429:
            answer = send(client)
        waits.append(int(answer.headers["Retry-After"]))
        link = counting.counters()._redis
        for key in link.keys(f"{counting.counters()._prefix}*:orders"):
            link.hset(key, "p", 0)
    return waits


def test_strikes_double_and_end_in_a_restriction_that_compliance_lifts(
    sandbox: Any, caller: Callable[[str], Principal]
) -> None:
    client = client_of("alpha_trader", narrow(orders_per_second=1, orders_per_minute=1))
    assert send(client).status_code == 201
    waits = _offend(client, restrictions.STRIKES + 1)
    assert waits[0] >= 1
    assert waits[-1] == 64
    row = RateRestriction.objects.get()
    assert (row.user.username, row.lifted_at) == ("alpha_trader", None)
    told = Event.objects.get(event_type="rate_restrict")
    assert (told.subject, told.actor, told.msg_type) == (
        row.id,
        "system:throttling",
        "system_update",
    )
    answer = send(client)
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_restricted")
    assert int(answer.headers["Retry-After"]) > 3_000
    assert client.get("/v1/account/").status_code == 200
    assert client.delete(f"{ORDERS}mo_x/").status_code == 404
    # Another key of the same user has done nothing.
    assert send(client_of("alpha_trader")).status_code == 201
    with pytest.raises(OmsError, match="needs the entitlement"):
        restrictions.lift(row.id, reason="please", by=caller("alpha_trader"))
    with pytest.raises(OmsError, match="No such"):
        restrictions.lift(row.id, reason="ours", by=caller("beta_compliance"))
    restrictions.lift(row.id, reason="a loop, repaired", by=caller("alpha_compliance"))
    gate.forget()
    row.refresh_from_db()
    assert (row.lift_reason, row.version) == ("a loop, repaired", 2)
    assert Event.objects.get(event_type="rate_lift").actor == "alpha_compliance"
    assert send(client).json().get("code") != "rate_restricted"
    with pytest.raises(OmsError) as again:
        restrictions.lift(row.id, reason="again", by=caller("alpha_compliance"))
    assert again.value.code == "already_lifted"


def test_a_restriction_is_made_once_and_ends_by_itself(
    sandbox: Any, caller: Callable[[str], Principal], monkeypatch: pytest.MonkeyPatch
) -> None:
    who = caller("alpha_trader")
    assert restrictions.restrict(who).id == restrictions.restrict(who).id
    verdict = gate.decide(who, "", Lane.ORDERS)
    assert (verdict.allowed, verdict.code) == (False, "rate_restricted")
    later = clock.machine_now() + restrictions.LASTS
    monkeypatch.setattr(clock, "machine_now", lambda: later)
    assert gate.decide(who, "", Lane.ORDERS).allowed


async def _short_way(token: str, body: bytes) -> tuple[int, dict[str, str], Any]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send_(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": ORDERS,
        "query_string": b"",
        "client": ("10.0.0.1", 4000),
        "headers": [(b"authorization", b"Bearer " + token.encode())],
    }
    await asgi._fast.app(scope, receive, send_)
    headers = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, json.loads(sent[1]["body"])


@pytest.fixture
def hurried(committed_sandbox: Any) -> str:
    """A key with one order a second."""
    key, token = api_keys.issue(User.objects.get(username="alpha_trader"))
    tier = narrow(orders_per_second=1, orders_per_minute=1)
    RateGrant.objects.create(api_key=key, tier_id=tier)
    return token


def test_the_short_way_is_limited_too_and_says_so_in_every_answer(hurried: str) -> None:
    async def three() -> list[tuple[int, dict[str, str], Any]]:
        body = json.dumps(ORDER).encode()
        return [
            await _short_way(hurried, b"{"),
            await _short_way(hurried, body),
            await _short_way("nobody", body),
        ]

    bad, refused, stranger = asyncio.run(three())
    assert [bad[0], refused[0], stranger[0]] == [400, 429, 401]
    assert refused[2]["code"] == "rate_limited"
    assert int(refused[1]["retry-after"]) >= 1
    for _, headers, _ in (bad, refused, stranger):
        assert all(name.lower() in headers for name in HEADERS)
    assert Order.objects.count() == 0


def test_a_key_that_comes_a_little_too_early_is_held_and_not_refused(
    committed_sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, token = api_keys.issue(User.objects.get(username="alpha_trader"))
    RateGrant.objects.create(api_key=key, tier_id=narrow(orders_per_second=1, orders_per_minute=60))
    who = principals.of_api_key(token)
    mine = counting.counters()
    held: list[float] = []

    def ask(item: Any, at: list[int] = [1_000, 1_900, 1_950]) -> Future[Any]:  # noqa: B006
        answer: Future[Any] = Future()
        answer.set_result(mine.count([item], now=at.pop(0))[0])
        return answer

    async def sleep(seconds: float) -> None:
        held.append(seconds)

    monkeypatch.setattr(mine, "ask", ask)
    monkeypatch.setattr(asyncio, "sleep", sleep)

    async def three() -> list[Verdict]:
        return [await gate.admit(who, "", Lane.ORDERS) for _ in range(3)]

    verdicts = asyncio.run(three())
    assert [one.allowed for one in verdicts] == [True, True, False]
    assert held == [0.101]
    assert verdicts[2].retry_after == 1


def test_orders_are_taken_and_limited_all_the_same_when_redis_is_gone(
    sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of("alpha_trader", narrow(orders_per_second=1, orders_per_minute=1))
    gone = counting.Counters("unix:///nowhere.sock", prefix="", processes=1)
    monkeypatch.setattr(counting, "_made", gone)
    assert [send(client).status_code for _ in range(3)] == [201, 429, 429]


def test_a_database_that_does_not_answer_is_no_fault_of_the_limits(
    sandbox: Any, caller: Callable[[str], Principal], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(tiers, "_load", broken)
    assert gate.decide(caller("alpha_trader"), "", Lane.ORDERS).limit == 100


@pytest.mark.parametrize(
    ("who", "lifts"), [("alpha_compliance", True), ("alpha_ops", False), ("beta_admin", False)]
)
def test_the_back_office_shows_restrictions_and_lets_the_right_people_lift_them(
    sandbox: Any, caller: Callable[[str], Principal], client: Client, who: str, lifts: bool
) -> None:
    row = restrictions.restrict(caller("alpha_trader"))
    client.force_login(User.objects.get(username=who))
    page = f"/admin/throttling/raterestriction/{row.id}"
    seen = 302 if who.startswith("beta") else 200
    assert client.get(f"{page}/change/").status_code == seen
    client.post(f"{page}/lift/", {"_form_submitted": "True"})
    row.refresh_from_db()
    assert (row.lifted_at is not None) is lifts


def test_what_a_restriction_says_never_changes_and_stays(
    sandbox: Any, caller: Callable[[str], Principal]
) -> None:
    row = restrictions.restrict(caller("alpha_trader"))
    for statement in (
        "UPDATE throttling_raterestriction SET reason = 'other'",
        "DELETE FROM throttling_raterestriction",
        "UPDATE throttling_raterestriction SET lift_reason = 'unseen'",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    row.refresh_from_db()
    assert row.lift_reason == ""
