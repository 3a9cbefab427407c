"""What the database itself refuses about confirmations, instructions and settlements."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from tests.integration.allocations.outside import Outside
from tests.integration.settlement import story

pytestmark = pytest.mark.django_db

FORBIDDEN = {
    "terms of a confirmation": "UPDATE allocations_tradeconfirm SET net_money = net_money + 1,"
    " version = version + 1",
    "terms of an instruction": "UPDATE allocations_settlementinstruction SET qty = qty + 1,"
    " version = version + 1",
    "a change without a version": "UPDATE allocations_tradeconfirm SET code = 'x'",
    "a fact changed": "UPDATE allocations_settlementfact SET cash = 0",
    "a fact deleted": "DELETE FROM allocations_settlementfact",
    "a verdict changed": "UPDATE allocations_matchverdict SET is_match = false",
    "their words changed": "UPDATE allocations_custodianmessage SET body = ''",
    "their words deleted": "DELETE FROM allocations_custodianmessage",
    "a statement changed": "UPDATE allocations_counterpartytrade SET terms = '{}'",
    "more settled than instructed": "UPDATE allocations_settlementinstruction"
    " SET settled_qty = qty + 1, version = version + 1",
    "settled in part": "UPDATE allocations_settlementinstruction SET settled_qty = qty - 1,"
    " version = version + 1",
    "open and over": "UPDATE allocations_settlementinstruction SET status = 'failed',"
    " version = version + 1",
    "a second live confirmation": "INSERT INTO allocations_tradeconfirm SELECT"
    ' (jsonb_populate_record(c, \'{"id": "cf_2"}\')).* FROM allocations_tradeconfirm c'
    " WHERE status = 'affirmed'",
    "a confirmation of other money": "INSERT INTO allocations_tradeconfirm SELECT"
    ' (jsonb_populate_record(c, \'{"id": "cf_2", "status": "canceled",'
    ' "net_money": 1}\')).* FROM allocations_tradeconfirm c',
    "a second live instruction": "INSERT INTO allocations_settlementinstruction SELECT"
    ' (jsonb_populate_record(i, \'{"id": "si_2"}\')).* FROM allocations_settlementinstruction i',
    "an instruction for more": "INSERT INTO allocations_settlementinstruction SELECT"
    ' (jsonb_populate_record(i, \'{"id": "si_2", "qty": 99000, "status": "canceled"}\')).*'
    " FROM allocations_settlementinstruction i",
    "the same settlement twice": "INSERT INTO allocations_settlementfact SELECT"
    ' (jsonb_populate_record(f, \'{"id": "sf_2", "sequence": 9, "cash_sequence": 9}\')).*'
    " FROM allocations_settlementfact f",
    "a settlement for another account": "INSERT INTO allocations_settlementfact SELECT"
    ' (jsonb_populate_record(f, \'{"id": "sf_2", "reference": "X",'
    ' "account_id": "alpha-003"}\')).* FROM allocations_settlementfact f',
    "a settlement the other way round": "INSERT INTO allocations_settlementfact SELECT"
    ' (jsonb_populate_record(f, \'{"id": "sf_2", "reference": "X", "sequence": 9,'
    ' "cash_sequence": 9, "qty": -1}\')).* FROM allocations_settlementfact f',
}
UNAFFIRMED = {
    "affirmed though it differs": "UPDATE allocations_tradeconfirm SET status = 'affirmed',"
    " affirmed_at = created_at, version = version + 1",
    "instructed though nobody affirmed": "UPDATE allocations_settlementinstruction"
    " SET was_sent = true, version = version + 1",
    "accepted by one person": "INSERT INTO allocations_confirmadjustment (id, organization_id,"
    " confirm_id, reason_code, text, evidence, made_by_id, approved_by_id, made_at)"
    " SELECT 'j', organization_id, id, 'agreed', '', '{}', 1, 1, created_at"
    " FROM allocations_tradeconfirm",
}


def refused(sql: str) -> bool:
    with connection.cursor() as cursor:
        try:
            with transaction.atomic():
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                cursor.execute(sql)
        except DatabaseError:
            return True
    return False


def test_what_has_settled_is_closed_to_everybody(outside: Outside) -> None:
    story.traded()
    story.turn()
    with story.on(11, 24):
        story.turn()
    assert [name for name, sql in FORBIDDEN.items() if not refused(sql)] == []


def test_what_differs_is_affirmed_and_instructed_by_no_statement(outside: Outside) -> None:
    story.traded("alpha-net")
    story.turn()
    assert [name for name, sql in UNAFFIRMED.items() if not refused(sql)] == []


def test_every_leg_that_is_booked_is_queued_by_the_database(outside: Outside) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM allocations_settlementdue")
        (before,) = cursor.fetchone()
        story.traded()
        cursor.execute("SELECT count(*) FROM allocations_settlementdue")
        assert cursor.fetchone() == (before + 1,)
