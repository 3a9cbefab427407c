"""Finding orders by words in all of history: what to look for, and noting what new orders say.

A sweep notes orders two minutes after they came, each organization's in their order, and begins
where it ended: no transaction that takes orders lives as long, so none comes in behind it.
"""

from __future__ import annotations

from datetime import timedelta

from django.contrib.postgres.search import SearchQuery
from django.db import connection, transaction
from django.db.models import Q, QuerySet

from oms_site.firm.models import Organization
from oms_site.kit import clock
from orders.models import Order, OrderWords

# A look a second takes so many: after a burst words come a little later, and nobody else waits.
AT_ONCE = 1_000
# As many as anybody pages through; older ones are found by more words.
MOST = 5_000
SETTLED = timedelta(minutes=2)
_LOCK = 0x0E35_0030
# Numbers and ids stay whole: `simple` keeps every word as it is written, in small letters.
_NOTE = """
INSERT INTO orders_orderwords (order_id, organization_id, created_at, words)
SELECT o.id, o.organization_id, o.created_at,
    to_tsvector('simple', concat_ws(' ', o.id, o.client_order_id, i.cusip, i.symbol, u.username,
        a.code, o.annotation))
FROM (
    SELECT * FROM orders_order n WHERE n.organization_id = %(owner)s AND n.created_at < %(until)s
        AND (n.created_at, n.id) > (%(at)s::timestamptz, %(id)s)
    ORDER BY n.created_at, n.id LIMIT %(most)s
) o JOIN venues_instrument i ON i.id = o.instrument_id
LEFT JOIN firm_user u ON u.id = o.submitted_by_id
LEFT JOIN allocations_account a ON a.id = o.account_id
ON CONFLICT DO NOTHING
"""
_LAST = """
SELECT created_at, order_id FROM orders_orderwords WHERE organization_id = %s
ORDER BY created_at DESC, order_id DESC LIMIT 1
"""


def note() -> int:
    """Note the words of orders that have none yet. Returns how many."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            return 0
        until, noted = clock.now() - SETTLED, 0
        for owner in _owners():
            cursor.execute(_LAST, [owner])
            at, order_id = cursor.fetchone() or ("-infinity", "")
            named = {"owner": owner, "until": until, "at": at, "id": order_id, "most": AT_ONCE}
            cursor.execute(_NOTE, named)
            noted += cursor.rowcount
    return noted


def _owners() -> list[str]:
    return list(Organization.objects.order_by("id").values_list("id", flat=True))


def find(rows: QuerySet[Order], asked: str, *, organization_id: str = "") -> QuerySet[Order]:
    """The newest orders that have every word asked for; one that is called just so is alone.

    `organization_id` is whose the rows are; empty where they are everybody's.
    """
    asked = asked.strip()
    owners = [organization_id] if organization_id else _owners()
    called = rows.filter(Q(pk=asked) | Q(organization_id__in=owners, client_order_id=asked))
    if called.exists():
        return called
    # Both sides are cut into words by the same rule, so ids with signs in them meet too.
    query = SearchQuery(asked, config="simple")
    noted = OrderWords.objects.filter(words=query).order_by("-created_at")
    if organization_id:
        noted = noted.filter(organization_id=organization_id)
    return rows.filter(pk__in=noted.values("order_id")[:MOST])
