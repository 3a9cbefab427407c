"""SQL that makes the database keep the laws, for the migrations of every floor.

Append-only tables refuse UPDATE, DELETE and TRUNCATE; living rows refuse to change their terms, to
change without a new version, and to be deleted. A trigger on `UPDATE OF <terms>` fires only when a
statement names such a column, so the one door, which never does, pays nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

REFUSE_FUNCTION = """
CREATE OR REPLACE FUNCTION oms_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: %', TG_OP, TG_TABLE_NAME, TG_ARGV[0]
        USING ERRCODE = 'restrict_violation';
END $$;
"""


# The number comes from a sequence because those never roll back: a number that a reader has once
# seen is never given to other content.
RAISE_GENERATION_FUNCTION = """
CREATE SEQUENCE oms_generation;
CREATE OR REPLACE FUNCTION oms_raise_generation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO firm_generation (id, number) VALUES (1, nextval('oms_generation'))
        ON CONFLICT (id) DO UPDATE SET number = excluded.number;
    RETURN NULL;
END $$;
"""


def reference(table: str, columns: Sequence[str] = ()) -> str:
    """Changes of this table make every process read its reference data again.

    With `columns`, an update counts only when it names one of them.
    """
    of = " OF " + ", ".join(f'"{name}"' for name in columns) if columns else ""
    return (
        f"CREATE TRIGGER {table}_generation AFTER INSERT OR UPDATE{of} OR DELETE OR TRUNCATE "
        f"ON {table} FOR EACH STATEMENT EXECUTE FUNCTION oms_raise_generation();"
    )


def _trigger(name: str, when: str, table: str, reason: str, level: str = "ROW") -> str:
    return (
        f"CREATE TRIGGER {name} {when} ON {table} FOR EACH {level} "
        f"EXECUTE FUNCTION oms_refuse('{reason}');"
    )


def kept(table: str) -> str:
    """Rows of this table may change but are never deleted: ledgers name them by id alone."""
    return _trigger(f"{table}_kept", "BEFORE DELETE", table, "ledgers name it")


def told(table: str, owner: str) -> list[str]:
    """What an outside party said stays as it came; only what became of it is written beside it.

    `owner` is the column of the party. The row is the only copy once the party's files are gone.
    """
    why = "what a party has said is kept as it came"
    words = ", ".join(f'"{name}"' for name in ("id", owner, "seq", "body", "received_at"))
    return [
        _trigger(f"{table}_terms", f"BEFORE UPDATE OF {words}", table, why),
        _trigger(f"{table}_kept", "BEFORE DELETE", table, why),
        _trigger(f"{table}_no_truncate", "BEFORE TRUNCATE", table, why, "STATEMENT"),
    ]


def untold(table: str) -> list[str]:
    """Take `told` back, for the way back of a migration."""
    return [f"DROP TRIGGER {table}_{name} ON {table};" for name in ("terms", "kept", "no_truncate")]


# Django adds an index for LIKE to every text key; nobody searches ids by pattern.
DROP_PATTERN_INDEXES = """
DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()
        AND indexname LIKE '%\\_like' AND tablename ~ '^(orders|allocations|controls|journal)_'
    LOOP EXECUTE format('DROP INDEX %I', name); END LOOP;
END $$;
"""


def append_only(table: str) -> list[str]:
    """Rows of this table are facts: inserted, never changed, never removed."""
    return [
        _trigger(f"{table}_no_change", "BEFORE UPDATE OR DELETE", table, "it is append-only"),
        _trigger(
            f"{table}_no_truncate", "BEFORE TRUNCATE", table, "it is append-only", "STATEMENT"
        ),
    ]


def terms(table: str, names: Sequence[str]) -> str:
    """Rows of this table never change these columns."""
    columns = ", ".join(f'"{name}"' for name in names)
    return _trigger(
        f"{table}_terms", f"BEFORE UPDATE OF {columns}", table, "its terms never change"
    )


def living(table: str, names: Sequence[str]) -> list[str]:
    """Rows of this table keep their terms, gain a version with every change, and stay."""
    return [
        terms(table, names),
        f"CREATE TRIGGER {table}_version BEFORE UPDATE ON {table} FOR EACH ROW "
        "WHEN (NEW.version <= OLD.version) "
        "EXECUTE FUNCTION oms_refuse('a change needs a new version');",
        _trigger(f"{table}_no_delete", "BEFORE DELETE", table, "rows are kept"),
        _trigger(f"{table}_no_truncate", "BEFORE TRUNCATE", table, "rows are kept", "STATEMENT"),
    ]
