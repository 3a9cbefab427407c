"""Formats of venues: proposed by one, put in force by another; extensions checked by them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from oms_site.firm import generation, principals
from oms_site.firm.models import User
from oms_site.kit.errors import OmsError
from orders import extending, last_look, routing
from orders.models import Break, ExecutionOrder, VenueOrder
from orders.reports import trouble, unreadable
from tests import trading
from venues import certification, format_changes, formats, health
from venues.gateways.fix import store
from venues.messages import CancelRequest, NewOrder
from venues.models import (
    FixMessage,
    Instrument,
    LineState,
    Outbound,
    Venue,
    VenueExtension,
    VenueFormat,
    VenueSymbol,
)

pytestmark = pytest.mark.django_db


def person(name: str) -> Any:
    return principals.of_user(User.objects.get(username=f"alpha_{name}"), via="test")


def propose(sandbox: datetime, **content: Any) -> VenueFormat:
    now = {**Venue.objects.get(pk="FIXSIM").template, **content}
    return format_changes.propose(
        "FIXSIM", content=now, reason="new tags", by=person("admin"), at=sandbox
    )


def test_the_sandbox_comes_with_an_active_and_certified_fix_venue(sandbox: datetime) -> None:
    venue = Venue.objects.get(pk="FIXSIM")
    assert (venue.gateway, venue.status) == ("fix", "active")
    assert certification.stands("FIXSIM")
    assert formats.of("FIXSIM").extensions["peg_offset"].tag == 211


def test_a_second_person_puts_it_in_force_and_the_venue_is_certified_anew(
    sandbox: datetime,
) -> None:
    made = propose(sandbox, symbol="US912810TL2")
    assert formats.of("FIXSIM").symbol == "[N/A]"
    with pytest.raises(OmsError) as refused:
        format_changes.approve(made.pk, by=person("admin"), at=sandbox)
    assert refused.value.code == "self_approval"
    format_changes.approve(made.pk, by=person("ops"), at=sandbox)
    generation.check()
    assert formats.of("FIXSIM").symbol == "US912810TL2"
    venue = Venue.objects.get(pk="FIXSIM")
    assert venue.status == "testing"
    assert not certification.stands("FIXSIM")
    with pytest.raises(OmsError) as again:
        format_changes.reject(made.pk, by=person("ops"), at=sandbox)
    assert again.value.code == "already_decided"


def test_what_gateways_cannot_read_is_never_proposed(sandbox: datetime) -> None:
    with pytest.raises(OmsError) as refused:
        propose(sandbox, constants={"D": {"11": "mine"}})
    assert refused.value.code == "format_invalid"
    with pytest.raises(OmsError) as same:
        propose(sandbox)
    assert same.value.code == "nothing_changed"


def test_an_older_proposal_never_replaces_a_newer_format(sandbox: datetime) -> None:
    old, new = propose(sandbox, symbol="A"), propose(sandbox, symbol="B")
    format_changes.approve(new.pk, by=person("ops"), at=sandbox)
    with pytest.raises(OmsError) as refused:
        format_changes.approve(old.pk, by=person("ops"), at=sandbox)
    assert refused.value.code == "newer_version_in_force"
    assert format_changes.reject(old.pk, by=person("admin"), at=sandbox).status == "withdrawn"


LAWS = {
    "a template that no format says": "UPDATE venues_venue SET template = '{}' WHERE id = 'FIXSIM'",
    "a format that is born approved": (
        "INSERT INTO venues_venueformat (venue_id, version, content, status, origin, reason, "
        "proposed_at) VALUES ('FIXSIM', 9, '{}', 'approved', '', '', now())"
    ),
    "another content": "UPDATE venues_venueformat SET content = '{}' WHERE venue_id = 'FIXSIM'",
    "no format at all": "DELETE FROM venues_venueformat WHERE venue_id = 'FIXSIM'",
    "a venue born with a template": (
        "INSERT INTO venues_venue SELECT (jsonb_populate_record(v, "
        '\'{"id": "X", "status": "testing"}\')).* FROM venues_venue v WHERE id = \'FIXSIM\''
    ),
}


@pytest.mark.parametrize("statement", LAWS.values(), ids=LAWS)
def test_the_database_refuses(sandbox: datetime, statement: str) -> None:
    with (
        pytest.raises(IntegrityError, match="refused"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def test_a_message_is_kept_for_ever(sandbox: datetime) -> None:
    row = FixMessage.objects.create(
        session="S", epoch=1, way="i", seq=1, msg_type="8", raw="8=FIX", at=sandbox
    )
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        row.delete()


def test_names_of_securities_are_the_venues_own(sandbox: datetime) -> None:
    bond = Instrument.objects.get(cusip=trading.BOND)
    VenueSymbol.objects.create(venue_id="FIXSIM", instrument=bond, symbol="T 4.5 36")
    generation.check()
    names = formats.names("FIXSIM")
    assert names.to_venue(trading.BOND) == "T 4.5 36"
    assert names.from_venue("T 4.5 36") == trading.BOND
    made = propose(sandbox, security_id_source="4")
    format_changes.approve(made.pk, by=person("ops"), at=sandbox)
    generation.check()
    names = formats.names("FIXSIM")
    assert (names.source, names.to_venue("912810TL2")) == (
        "4",
        Instrument.objects.get(cusip="912810TL2").isin,
    )
    assert names.to_venue(trading.BOND) == "T 4.5 36"


def _body(**instruction: Any) -> dict[str, Any]:
    amount = {"type": "par", "value": "10000"}
    asked = {"protocol": "limit_order_book", "strategy": "manual", "quantity": amount}
    return {
        "instrument_id": trading.BOND,
        "side": "buy",
        "type": "market",
        "amount": amount,
        "account_id": "alpha-002",
        "execution_instructions": [{**asked, "venue_id": "FIXSIM", **instruction}],
    }


@pytest.mark.parametrize(
    ("instruction", "code", "field"),
    [
        ({"venue_parameters": {"fancy": "1"}}, "extension_unknown", "venue_parameters.fancy"),
        (
            {"venue_parameters": {"peg_offset": "much"}},
            "extension_invalid",
            "venue_parameters.peg_offset",
        ),
        (
            {"venue_parameters": {"peg_offset": "1"}, "venue_id": None},
            "extension_needs_venue",
            "venue_id",
        ),
        (
            {"venue_parameters": {"peg_offset": "1"}, "venue_id": "SIMA"},
            "extension_unknown",
            "venue_parameters.peg_offset",
        ),
        ({"algorithm": "MAGIC"}, "algorithm_unknown", "venue_parameters.algorithm"),
        (
            {"algorithm": "TWAP", "venue_parameters": {"StartTime": "14:00"}},
            "required",
            "venue_parameters.EndTime",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_the_venue_does_not_know_is_a_422(
    api: Callable[..., Any], instruction: dict[str, Any], code: str, field: str
) -> None:
    status, told = api("alpha_trader").post("/v1/trading/order/", _body(**instruction))
    assert status == 422
    found = [(one["code"], one["field"]) for one in told["error_details"]]
    assert (code, f"execution_instructions[0].{field}") in found


def test_what_it_knows_is_kept_and_said_with_every_message(
    api: Callable[..., Any], sandbox: datetime
) -> None:
    status, made = api("alpha_trader").post(
        "/v1/trading/order/", _body(venue_parameters={"peg_offset": "0.01", "peg_to": "2"})
    )
    assert status == 201
    while routing.drain():
        pass
    row = ExecutionOrder.objects.get(order_id=made["id"])
    fact = VenueExtension.objects.get(subject=row.id)
    assert fact.parameters == [["peg_offset", "0.01"], ["peg_to", "2"]]
    sent = Outbound.objects.get(venue_id="FIXSIM", kind="D")
    assert '"extensions":[["peg_offset","0.01"],["peg_to","2"]]' in sent.body
    assert extending.wire(row)["extensions"] == (("peg_offset", "0.01"), ("peg_to", "2"))


def test_what_a_later_format_cannot_say_holds_up_nothing_behind_it(sandbox: datetime) -> None:
    terms: dict[str, Any] = {"security_id": trading.BOND, "side": "1", "transact_time": sandbox}
    order = NewOrder(
        **terms,
        cl_ord_id="vo-1",
        ord_type="1",
        order_qty=Decimal(1000),
        algorithm="TWAP",
        # Taken when the parameter was a text.
        extensions=(("StartTime", "at the open"), ("EndTime", "15:30")),
    )
    behind = CancelRequest(**terms, cl_ord_id="vo-3", orig_cl_ord_id="vo-2")
    opened = store.open_session("FIXSIM", at=sandbox)
    after, raw, faults = store.number(opened, opened.numbers, [order, behind], at=sandbox)
    assert after.next_out == opened.numbers.next_out + 1
    assert b"\x0135=F\x01" in raw
    assert b"\x0135=D\x01" not in raw
    (fault,) = faults
    assert '"cl_ord_id":"vo-1"' in fault


def _other_format(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another format is in force, which knows no `peg_to`, and other offsets."""
    parameter = {"peg_offset": {"tag": 211, "kind": "integer"}}
    content = formats.read({"dialect": "FIX.4.4", "extensions": parameter})
    monkeypatch.setattr(formats, "of", lambda venue_id: content)


def test_an_order_that_its_format_cannot_say_any_more_ends_at_the_last_look(
    api: Callable[..., Any], sandbox: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [
        api("alpha_trader").post("/v1/trading/order/", _body(venue_parameters=given))[1]["id"]
        for given in ({"peg_offset": "0.01", "peg_to": "2"}, {"peg_offset": "1"})
    ]
    while routing.drain():
        pass
    rows = list(Outbound.objects.filter(venue_id="FIXSIM", kind="D").order_by("id"))
    children = {row.order_id: row for row in VenueOrder.objects.filter(order_id__in=made)}
    _other_format(monkeypatch)
    assert [row.cl_ord_id for row in last_look.before_wire("FIXSIM", rows)] == [
        children[made[1]].id
    ]
    ended = VenueOrder.objects.get(pk=children[made[0]].id)
    assert (ended.status, ended.text) == (
        "rejected",
        "venue_format_refused: venue_parameters.peg_offset: '0.01' is no integer that FIXSIM takes "
        "here. venue_parameters.peg_to: FIXSIM knows no parameter 'peg_to'.",
    )
    trading.check_tree(made[0])


def test_a_session_that_cannot_go_on_is_a_break_once(sandbox: datetime) -> None:
    for _ in range(3):
        trouble("FIXSIM", "sequence_too_low", "7 came where 9 was due")
    one = Break.objects.get(kind="venue_session")
    assert one.evidence["code"] == "sequence_too_low"
    unreadable("FIXSIM", "nothing\x00at all", "it has no words")
    assert Break.objects.filter(kind="unreadable_frame").count() == 1


def test_a_venue_whose_clock_is_off_is_told_so(sandbox: datetime) -> None:
    LineState.objects.create(venue_id="FIXSIM", offset_ms=-51.2, rtt_us=1500, measured_at=sandbox)
    LineState.objects.create(venue_id="SIMA", offset_ms=12, rtt_us=900, measured_at=sandbox)
    found = health.of_all(at=sandbox)
    assert found["FIXSIM"].why_bad == "clock off by -51 ms"
    assert (found["FIXSIM"].rtt_ms, found["SIMA"].why_bad) == (1.5, "")
