"""What an account may be a part of: the database says so, whoever writes."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from allocations import accounts
from allocations.models import Account
from oms_site.firm import generation

pytestmark = pytest.mark.usefixtures("sandbox")

_ROW = (
    "INSERT INTO allocations_account SELECT (jsonb_populate_record(a, '{}')).*"
    " FROM allocations_account a WHERE id = 'alpha-core'"
)


def like(**changes: str) -> str:
    """Another sleeve like ALPHA-CORE, but for this."""
    told = {"id": "x", "code": "X", **changes}
    body = ", ".join(f'"{key}": "{value}"' for key, value in told.items())
    return _ROW.replace("{}", "{" + body + "}")


def run(sql: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


FORBIDDEN = {
    "a sleeve of a sleeve": (like(sleeve_of_id="alpha-core"), "sleeve of a sleeve"),
    "a sleeve of itself": (like(sleeve_of_id="x"), "sleeve_of_itself|sleeve of a sleeve"),
    "a sleeve of nobody": (like(sleeve_of_id="nobody"), "foreign key"),
    "a sleeve of another organization's account": (
        like(sleeve_of_id="beta-001", custodian_id="cust_pershing"),
        "sleeve_of_same_organization",
    ),
    "a sleeve at another custodian": (like(custodian_id="cust_bny"), "sleeve_at_same_custodian"),
    "a sleeve in another currency": (like(currency="EUR"), "sleeve_at_same_custodian"),
    "a sleeve that moves alone": (
        "UPDATE allocations_account SET custodian_id = 'cust_bny' WHERE id = 'alpha-core'",
        "sleeve_at_same_custodian",
    ),
    "a sleeve that becomes an account": (
        "UPDATE allocations_account SET sleeve_of_id = NULL WHERE id = 'alpha-core'",
        "never changes",
    ),
    "an account that becomes a sleeve": (
        "UPDATE allocations_account SET sleeve_of_id = 'alpha-whole' WHERE id = 'alpha-003'",
        "never changes",
    ),
    "a sleeve that changes hands": (
        "UPDATE allocations_account SET sleeve_of_id = 'alpha-003' WHERE id = 'alpha-core'",
        "never changes",
    ),
    "a sleeve that goes to another organization": (
        "UPDATE allocations_account SET organization_id = 'beta' WHERE id = 'alpha-core'",
        "sleeve_of_same_organization",
    ),
    "a whole that goes to another organization": (
        "UPDATE allocations_account SET organization_id = 'beta' WHERE id = 'alpha-whole'",
        "sleeve_of_same_organization",
    ),
    "a whole that is deleted": (
        "DELETE FROM allocations_account WHERE id = 'alpha-whole'",
        "foreign key",
    ),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_the_database_refuses(what: str) -> None:
    sql, why = FORBIDDEN[what]
    with pytest.raises(DatabaseError, match=why):
        run(sql)


def test_levels_that_come_in_one_statement_are_seen() -> None:
    row = "('{id}', 'alpha', '{id}', '', 'individual', '{{}}', {of}, 'cust_lpl', '{group}', 'USD',"
    row += " '{{}}', 'active', 'fifo', false, false)"
    group = Account.objects.get(id="alpha-whole").risk_group_id
    rows = [
        row.format(id=key, of=of, group=group)
        for key, of in (("x1", "NULL"), ("x3", "'x2'"), ("x2", "'x1'"))
    ]
    names = "id, organization_id, code, name, account_type, categories, sleeve_of_id, custodian_id,"
    names += " risk_group_id, currency, currencies, status, lot_relief, converts, margin"
    with pytest.raises(DatabaseError, match="sleeve of a sleeve"):
        run(f"INSERT INTO allocations_account ({names}) VALUES {', '.join(rows)}")


def test_sleeves_follow_their_whole_to_another_custodian_and_currency() -> None:
    Account.objects.filter(id="alpha-whole").update(custodian_id="cust_bny", currency="EUR")
    parts = Account.objects.filter(sleeve_of="alpha-whole").order_by("id")
    assert list(parts.values_list("id", "custodian_id", "currency")) == [
        ("alpha-core", "cust_bny", "EUR"),
        ("alpha-income", "cust_bny", "EUR"),
    ]


def test_a_sleeve_is_known_with_its_whole_and_the_code_of_the_outside() -> None:
    core = accounts.find_account("alpha", "ALPHA-CORE")
    whole = accounts.find_account("alpha", "alpha-whole")
    alone = accounts.find_account("alpha", "alpha-002")
    assert core is not None
    assert whole is not None
    assert alone is not None
    assert (core.sleeve_of, core.outside_code, core.sleeves) == ("alpha-whole", "ALPHA-WHOLE", ())
    assert (whole.sleeves, whole.outside_code) == (("alpha-core", "alpha-income"), "ALPHA-WHOLE")
    assert (alone.outside_code, alone.is_divided) == ("ALPHA-002", False)
    assert accounts.with_sleeves("alpha", "alpha-whole") == (
        "alpha-whole",
        "alpha-core",
        "alpha-income",
    )


def test_what_a_sleeve_may_hold_is_what_its_whole_may() -> None:
    Account.objects.filter(id="alpha-whole").update(currencies=["EUR"])
    Account.objects.filter(id="alpha-core").update(currencies=["GBP"])
    generation.check()
    core = accounts.find_account("alpha", "alpha-core")
    assert core is not None
    assert [core.may_hold(one) for one in ("USD", "EUR", "GBP")] == [True, True, False]


@pytest.mark.parametrize(
    ("own", "above", "counts"),
    [
        ("active", "active", "active"),
        ("active", "suspended", "suspended"),
        ("suspended", "active", "suspended"),
        ("closed", "suspended", "closed"),
        ("suspended", "closed", "closed"),
    ],
)
def test_a_sleeve_is_open_no_longer_than_its_whole(own: str, above: str, counts: str) -> None:
    Account.objects.filter(id="alpha-core").update(status=own)
    Account.objects.filter(id="alpha-whole").update(status=above)
    generation.check()
    core = accounts.find_account("alpha", "alpha-core")
    assert core is not None
    assert core.status == counts
