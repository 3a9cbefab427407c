"""What keeps clients' allocation ids unique for ever; used by migrations alone.

Older rows may share an id: the oldest keeps it, the others stay as they are and hold no claim.
"""

from __future__ import annotations

TABLE = "allocations_clientallocationid"
ALLOCATION, ACCOUNT = "client_allocation_id", "client_account_allocation_id"


def _claim(*, known: str, order: str) -> str:
    return f"""
CREATE OR REPLACE FUNCTION allocations_claim(firms text[], kinds text[], names text[],
    orders text[], accounts text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE taken record;
BEGIN
    IF firms IS NULL THEN RETURN; END IF;
    INSERT INTO {TABLE} (organization_id, kind, client_id, order_id, account_id)
    SELECT f, k, c, o, a FROM unnest(firms, kinds, names, orders, accounts) AS n (f, k, c, o, a)
    ORDER BY {order}
    ON CONFLICT (organization_id, kind, client_id) DO NOTHING;
    -- An entry after the fact has claimed them already for what it is made into.
    SELECT n.k AS kind, n.c AS client_id INTO taken
    FROM unnest(firms, kinds, names, orders, accounts) AS n (f, k, c, o, a)
    {known} {TABLE} t ON t.organization_id = n.f AND t.kind = n.k AND t.client_id = n.c
    WHERE (t.order_id, t.account_id) IS DISTINCT FROM (n.o, n.a)
    ORDER BY n.k, n.c LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% % has been used before', taken.kind, taken.client_id
            USING ERRCODE = 'unique_violation', CONSTRAINT = taken.kind || '_for_ever',
                  DETAIL = taken.client_id;
    END IF;
END $$;
"""


# Whole statements at once, in one order: two batches with the same ids cannot wait for each other.
CLAIM = _claim(known="JOIN", order="f, k, c")
# The order in which orders are written: all wholes, then all accounts. And what somebody gave back
# while this statement waited for another id is claimed by nobody: it is refused, and tried again.
CLAIM_AGAIN = _claim(known="LEFT JOIN", order="k DESC, f, c")
_WHOLE = f"""
    SELECT organization_id, '{ALLOCATION}', client_allocation_id, order_id, ''
    FROM {{rows}} w WHERE client_allocation_id <> ''"""
# Outer: a part whose allocation is not there has no order, and is refused for that.
_PARTS = f"""
    SELECT p.organization_id, '{ACCOUNT}', p.client_account_allocation_id, b.order_id, p.account_id
    FROM {{rows}} p LEFT JOIN allocations_allocation b ON b.id = p.allocation_id
    WHERE p.client_account_allocation_id <> ''"""
_ASKED = f"""{_WHOLE}
    UNION ALL
    SELECT e.organization_id, '{ACCOUNT}', one ->> 'client_account_allocation_id', e.order_id,
           one ->> 'account_id'
    FROM {{rows}} e CROSS JOIN jsonb_array_elements(e.requested) AS one
    WHERE one ->> 'client_account_allocation_id' <> ''"""
_CLAIMS = {
    "allocations_allocation": ("whole", _WHOLE),
    "allocations_accountallocation": ("part", _PARTS),
    "allocations_droppedaccount": ("part", _PARTS),
    "allocations_posttradeentry": ("asked", _ASKED),
}
_GUARDS = f"""
CREATE FUNCTION allocations_unclaim() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM {TABLE} WHERE organization_id = NEW.organization_id AND order_id = NEW.order_id;
    RETURN NULL;
END $$;
CREATE TRIGGER allocations_posttradeentry_unclaims AFTER UPDATE OF status
    ON allocations_posttradeentry FOR EACH ROW
    WHEN (NEW.status = 'refused' AND OLD.status <> 'refused')
    EXECUTE FUNCTION allocations_unclaim();
CREATE TRIGGER {TABLE}_no_change BEFORE UPDATE ON {TABLE} FOR EACH ROW
    EXECUTE FUNCTION oms_refuse('an id names one thing for ever');
CREATE TRIGGER {TABLE}_kept BEFORE DELETE ON {TABLE} FOR EACH ROW WHEN (pg_trigger_depth() = 0)
    EXECUTE FUNCTION oms_refuse('an id names one thing for ever');
CREATE TRIGGER {TABLE}_no_truncate BEFORE TRUNCATE ON {TABLE} FOR EACH STATEMENT
    EXECUTE FUNCTION oms_refuse('an id names one thing for ever');
"""


def _claims(name: str, body: str) -> str:
    return f"""
CREATE FUNCTION allocations_claim_{name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM allocations_claim(array_agg(f::text), array_agg(k::text), array_agg(c::text),
        array_agg(o::text), array_agg(a::text))
    FROM ({body.format(rows="fresh")}) AS n (f, k, c, o, a);
    RETURN NULL;
END $$;
"""


def _trigger(table: str, name: str) -> str:
    return f"""
CREATE TRIGGER {table}_claims AFTER INSERT ON {table} REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION allocations_claim_{name}();
"""


_OPEN = "(SELECT * FROM allocations_posttradeentry WHERE status = 'requested')"
# What is there already, oldest first; an entry that was refused has given its ids back.
_BACKFILL = f"""
INSERT INTO {TABLE} (organization_id, kind, client_id, order_id, account_id)
SELECT DISTINCT ON (f, k, c) f, k, c, o, a FROM (
    SELECT n.*, b.created_at FROM ({_WHOLE.format(rows="allocations_allocation")}
    UNION ALL {_PARTS.format(rows="allocations_accountallocation")}
    UNION ALL {_PARTS.format(rows="allocations_droppedaccount")}) AS n (f, k, c, o, a)
    JOIN allocations_allocation b ON b.order_id = n.o
    UNION ALL
    SELECT n.*, e.requested_at FROM ({_ASKED.format(rows=_OPEN)}) AS n (f, k, c, o, a)
    JOIN allocations_posttradeentry e ON e.order_id = n.o AND e.status = 'requested'
) AS known (f, k, c, o, a, at)
ORDER BY f, k, c, at, o, a
ON CONFLICT DO NOTHING;
"""

MAKE = [
    CLAIM,
    *[_claims(name, body) for name, body in dict(_CLAIMS.values()).items()],
    *[_trigger(table, name) for table, (name, _) in _CLAIMS.items()],
    _BACKFILL,
    _GUARDS,
]
UNDO = [
    *[f"DROP TRIGGER {table}_claims ON {table};" for table in _CLAIMS],
    *[f"DROP FUNCTION allocations_claim_{name}();" for name in dict(_CLAIMS.values())],
    "DROP FUNCTION allocations_claim(text[], text[], text[], text[], text[]);",
    "DROP TRIGGER allocations_posttradeentry_unclaims ON allocations_posttradeentry;",
    "DROP FUNCTION allocations_unclaim();",
]
