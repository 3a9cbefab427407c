"""Who belongs to whom: an organization sees what the ones below it do, never the other way round.

Asked by whoever lists orders, once per request. Seeing is all there is: nobody acts for another
organization.
"""

from __future__ import annotations

from django.db import connection

# UNION drops what was found before, so a circle in the data ends.
_BELOW = """
WITH RECURSIVE below(id) AS (
    SELECT %s::varchar
    UNION
    SELECT o.id FROM firm_organization o JOIN below b ON o.parent_id = b.id
)
SELECT id FROM below ORDER BY id
"""


def seen_by(organization_id: str) -> tuple[str, ...]:
    """The organization itself and all below it, by id."""
    with connection.cursor() as cursor:
        cursor.execute(_BELOW, [organization_id])
        return tuple([row[0] for row in cursor.fetchall()])
