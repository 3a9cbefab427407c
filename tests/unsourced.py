"""The ledger without the floor above it: for tests of what it does with any posting at all.

Movements may then name what nobody has made, and rows beside them may be made by hand.
"""

from __future__ import annotations

from django.db import connection

# The laws of orders' migration 0020, as its triggers are called.
LAWS = (
    ("allocations_movement", "allocations_movement_source"),
    ("allocations_movement", "allocations_movement_decided"),
    ("allocations_position", "allocations_position_born"),
    ("allocations_cashbalance", "allocations_cashbalance_born"),
)


def lift() -> None:
    """Take the laws away until the transaction is rolled back, or until `restore`."""
    _all("DISABLE")


def restore() -> None:
    """Have the laws again."""
    _all("ENABLE")


def _all(how: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table, name in LAWS:
            cursor.execute(f"ALTER TABLE {table} {how} TRIGGER {name}")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
