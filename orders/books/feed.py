"""The feed: everything that happened is numbered without gaps, and the hash chain holds."""

from __future__ import annotations

from oms_site.journal import chain
from orders.books.hands import spread
from orders.books.statements import Question, check, rows
from orders.books.verdicts import Check, Run, Tally

_EVENTS = "SELECT count(*) FROM journal_event e WHERE {organization:e}"
_UNNUMBERED = """
SELECT e.event_id, format('%%s of %%s at %%s has no number', e.event_type, e.subject, e.recorded_at)
FROM journal_event e LEFT JOIN journal_feed f ON f.event_id = e.id
WHERE {organization:e} AND f.event_id IS NULL AND e.recorded_at < %(old)s
UNION ALL
SELECT format('%%s %%s', f.organization_id, f.position), 'numbers an event that does not exist'
FROM journal_feed f LEFT JOIN journal_event e ON e.id = f.event_id
WHERE {organization:f} AND e.id IS NULL
UNION ALL
SELECT e.event_id, format('of %%s, numbered for %%s', e.organization_id, f.organization_id)
FROM journal_feed f JOIN journal_event e ON e.id = f.event_id
WHERE {organization:f} AND e.organization_id <> f.organization_id
UNION ALL
SELECT e.event_id, format('%%s has message number %%s', e.msg_type, f.msg_number)
FROM journal_feed f JOIN journal_event e ON e.id = f.event_id
WHERE {organization:f} AND (e.msg_type = 'internal') <> (f.msg_number IS NULL)
"""
_NUMBERS = """
SELECT count(*) FROM journal_feed f WHERE {organization:f}
"""
# A day's numbers are its date and ten digits from zero (`journal.chain`).
_GAPS = """
SELECT f.organization_id, format('%%s positions from %%s to %%s', count(*), min(position),
    max(position))
FROM journal_feed f WHERE {organization:f} GROUP BY f.organization_id
HAVING min(position) <> 1 OR max(position) <> count(*)
UNION ALL
SELECT f.organization_id, format('%%s message numbers from %%s to %%s', count(DISTINCT msg_number),
    min(msg_number), max(msg_number))
FROM journal_feed f WHERE {organization:f} AND msg_number IS NOT NULL
GROUP BY f.organization_id, msg_number / 10000000000
HAVING min(msg_number) %% 10000000000 <> 0
    OR max(msg_number) - min(msg_number) + 1 <> count(DISTINCT msg_number)
UNION ALL
SELECT format('%%s %%s', n.organization_id, n.position),
    format('message number %%s comes after %%s', n.msg_number, n.before)
FROM (SELECT f.organization_id, position, msg_number,
        lag(msg_number) OVER (PARTITION BY f.organization_id ORDER BY position) before
    FROM journal_feed f WHERE {organization:f} AND msg_number IS NOT NULL) n
WHERE n.msg_number <= n.before
"""
_LINKS = f"""
SELECT f.position, f.link, e.event_id, {chain.CONTENT_SQL}
FROM journal_feed f LEFT JOIN journal_event e ON e.id = f.event_id
WHERE f.organization_id = %(tenant)s AND f.position BETWEEN %(first)s AND %(last)s
ORDER BY f.position
"""
_TENANTS = """
SELECT f.organization_id, min(f.position) FILTER (WHERE %(since)s::timestamptz IS NULL
    OR e.recorded_at >= %(since)s::timestamptz), max(f.position)
FROM journal_feed f LEFT JOIN journal_event e ON e.id = f.event_id
WHERE {organization:f} GROUP BY f.organization_id ORDER BY 1
"""
_PIECE = 20_000


def _links(run: Run) -> Tally:
    """Recompute every link from the one stored before it, so that one edit is one offender."""
    tally = Tally()
    pieces = [
        (tenant, start)
        for tenant, first, last in rows(run, _TENANTS)
        if first is not None
        for start in range(first, last + 1, _PIECE)
    ]
    for n, found in enumerate(spread(run, lambda piece: _piece(run, *piece), pieces)):
        tally.absorb(found)
        run.tell((n + 1) / len(pieces))
    return tally


def _piece(run: Run, tenant: str, first: int) -> Tally:
    tally = Tally()
    before = _stored(run, tenant, first - 1)
    found = rows(run, _LINKS, tenant=tenant, first=first, last=first + _PIECE - 1)
    for position, link, event_id, content in found:
        tally.looked_at += 1
        if before is not None and chain.link(before, bytes(content)) != bytes(link):
            tally.differs(
                f"{tenant} {position}", f"the link is not that of event {event_id} and before"
            )
        before = bytes(link)
    return tally


def _stored(run: Run, tenant: str, position: int) -> bytes | None:
    """The link at a position; None for a hole, which another check names."""
    if position == 0:
        return chain.GENESIS
    sql = "SELECT link FROM journal_feed WHERE organization_id = %(tenant)s AND position = %(n)s"
    found = rows(run, sql, tenant=tenant, n=position)
    return bytes(found[0][0]) if found else None


CHECKS = (
    check(
        "every_event_is_numbered",
        "Every event older than a minute is in its organization's feed, and only those that clients"
        " see have a message number.",
        Question(_EVENTS, _UNNUMBERED),
    ),
    check(
        "feed_has_no_gaps",
        "Positions count from 1 without a gap, message numbers from zero within each UTC day, and"
        " both go up together.",
        Question(_NUMBERS, _GAPS),
    ),
    Check(
        "chain_links_hold",
        "Every link of the hash chain is that of its event and of the link before it.",
        _links,
    ),
)
