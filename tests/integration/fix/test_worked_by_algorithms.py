"""What only a venue knows goes out with every slice of a schedule, as the group its format says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from oms_site.firm import generation
from oms_site.firm.models import User
from oms_site.kit import clock
from orders import extending, routing
from orders.books import folding
from orders.books.verdicts import Run
from orders.models import Schedule
from orders.schedules import sending
from tests import scheduling
from venues import formats, messages
from venues.fix import outgoing
from venues.models import Outbound, VenueExtension

pytestmark = pytest.mark.usefixtures("sandbox")
Api = Callable[..., Any]
PARAMETERS = {"StartTime": "15:00", "EndTime": "15:10", "Urgency": "low"}
TOLD = {"algorithm": "TWAP", "venue_parameters": PARAMETERS}
# Names in order, kinds of FIX, times as moments of the order's own day.
GROUP = [
    *((847, "1000"), (957, "3")),
    *((958, "EndTime"), (959, "19"), (960, "20261123-15:10:00.000000")),
    *((958, "StartTime"), (959, "19"), (960, "20261123-15:00:00.000000")),
    *((958, "Urgency"), (959, "14"), (960, "low")),
]
BODY = {
    "strategy": "twap",
    "venue_id": "FIXSIM",
    "end_time": "2026-11-23T15:10:00Z",
    "slices": 2,
    "remainder": "keep",
    **TOLD,
}


def path(order_id: str) -> str:
    return f"/v1/trading/order/{order_id}/schedule/"


def groups() -> list[list[tuple[int, str]]]:
    """What each order that went to the venue by FIX says of its algorithm."""
    generation.check()
    found = []
    for row in Outbound.objects.filter(venue_id="FIXSIM", kind="D").order_by("id"):
        said = outgoing.encode(
            messages.decode_outgoing(row.body), formats.of("FIXSIM"), formats.names("FIXSIM")
        )
        assert said is not None
        at = [tag for tag, _ in said[1]].index(outgoing.TARGET_STRATEGY)
        found.append(said[1][at:])
    return found


def worked() -> None:
    for minute in (0, 5):
        scheduling.run(minute)


def test_every_slice_says_the_algorithm_and_its_parameters(api: Api) -> None:
    order_id, desk = scheduling.staged(), api("beta_trader")
    status, made = desk.post(path(order_id), {**BODY, "client_schedule_id": "mine"})
    assert status == 201, made
    assert (made["algorithm"], made["venue_parameters"]) == ("TWAP", PARAMETERS)
    worked()
    assert groups() == [GROUP, GROUP]
    rows = VenueExtension.objects.order_by("id")
    assert rows.count() == 3
    assert {row.algorithm for row in rows} == {"TWAP"}
    one = Run(at=clock.now(), machine_at=clock.now())
    assert [wrong for check in folding.CHECKS for wrong in check.run(one).first] == []
    other = {
        **BODY,
        "client_schedule_id": "mine",
        "venue_parameters": {**PARAMETERS, "Urgency": "high"},
    }
    assert desk.post(path(order_id), other)[1]["code"] == "idempotency_conflict"


def test_an_orders_own_instruction_says_it_too(api: Api) -> None:
    instruction = {
        "protocol": "limit_order_book",
        "strategy": "twap",
        "quantity": {"par": 10_000},
        "venue_id": "FIXSIM",
        "parameters": {"end_time": "2026-11-23T15:10:00Z", "slices": 2, "remainder": "keep"},
        **TOLD,
    }
    status, order = api("beta_trader").submit(
        account_id="beta-002", amount={"par": 10_000}, execution_instructions=[instruction]
    )
    assert status == 201, order
    (told,) = order["execution_instructions"]
    assert (told["algorithm"], told["venue_parameters"]) == ("TWAP", PARAMETERS)
    while routing.drain():
        pass
    worked()
    assert groups() == [GROUP, GROUP]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"venue_parameters": {"StartTime": "15:00"}}, "required"),
        ({"venue_parameters": {**PARAMETERS, "Urgency": "frantic"}}, "extension_invalid"),
        ({"algorithm": "MAGIC"}, "algorithm_unknown"),
        ({"venue_id": "SIMA"}, "algorithm_unknown"),
        ({"venue_id": None}, "extension_needs_venue"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_the_venue_does_not_know_starts_nothing(
    api: Api, changes: dict[str, Any], code: str
) -> None:
    order_id = scheduling.staged()
    status, told = api("beta_trader").post(path(order_id), {**BODY, **changes})
    assert status == 422
    assert code in {one["code"] for one in told["error_details"]}
    assert not Schedule.objects.exists()
    assert sending.drain() == 0


def test_the_desk_is_offered_a_form_of_what_each_venue_knows(client: Client) -> None:
    client.force_login(User.objects.get(username="alpha_trader"))
    (venue,) = client.get("/desk/reference.json").json()["venues"]
    assert venue["id"] == "FIXSIM"
    assert {one["name"]: one["kind"] for one in venue["parameters"]} == {
        "peg_offset": "decimal",
        "peg_to": "choice",
    }
    (twap,) = venue["algorithms"]
    needed = [one["name"] for one in twap["parameters"] if one["required"]]
    assert needed == ["StartTime", "EndTime"]
    (urgency,) = [one for one in twap["parameters"] if one["name"] == "Urgency"]
    assert urgency["choices"] == ["low", "normal", "high"]


def test_a_format_that_cannot_be_read_is_offered_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(venue_id: str) -> Any:
        raise ValueError(venue_id)

    monkeypatch.setattr(formats, "of", unreadable)
    assert extending.offered() == []
