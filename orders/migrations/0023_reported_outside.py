"""What a client reports that it traded elsewhere: whose ids, and when it was."""

from __future__ import annotations

from django.db import migrations, models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Concat

from oms_site.journal import columns, laws

TERMS = [
    *("id", "organization_id", "order_id", "execution_order_id", "client_report_id", "exec_id"),
    *("counterparty", "fingerprint", "reported_at"),
]
# A report is of its own execution order, waits at most once, and what it came to is its own trade.
LAWS = """
CREATE FUNCTION orders_reportedtrade_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.standing = 'refused' OR NOT EXISTS (SELECT 1 FROM orders_executionorder e
            WHERE e.id = NEW.execution_order_id AND e.protocol = 'external'
            AND (e.organization_id, e.order_id) = (NEW.organization_id, NEW.order_id)) THEN
        RAISE EXCEPTION 'report % is not of its own execution order, or not new', NEW.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER orders_reportedtrade_begins BEFORE INSERT ON orders_reportedtrade
    FOR EACH ROW EXECUTE FUNCTION orders_reportedtrade_begins();

CREATE TRIGGER orders_reportedtrade_decided BEFORE UPDATE ON orders_reportedtrade
    FOR EACH ROW WHEN (OLD.standing <> 'held')
    EXECUTE FUNCTION oms_refuse('it has been decided');

-- Looked at when the transaction ends: the execution is made in the same unit.
CREATE FUNCTION orders_reportedtrade_counts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM orders_execution x WHERE x.id = NEW.execution_id
            AND (x.organization_id, x.order_id, x.execution_order_id, x.exec_id, x.counterparty)
                = (NEW.organization_id, NEW.order_id, NEW.execution_order_id, NEW.exec_id,
                   NEW.counterparty)) THEN
        RAISE EXCEPTION 'report % came to another trade than it tells of', NEW.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER orders_reportedtrade_counts AFTER INSERT OR UPDATE
    ON orders_reportedtrade DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.standing = 'counted') EXECUTE FUNCTION orders_reportedtrade_counts();
"""
UNDO = """
DROP TRIGGER orders_reportedtrade_counts ON orders_reportedtrade;
DROP FUNCTION orders_reportedtrade_counts();
DROP TRIGGER orders_reportedtrade_decided ON orders_reportedtrade;
DROP TRIGGER orders_reportedtrade_begins ON orders_reportedtrade;
DROP FUNCTION orders_reportedtrade_begins();
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0022_plans")]

    operations = [
        migrations.CreateModel(
            name="ReportedTrade",
            fields=[
                ("id", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField(default=0)),
                ("client_report_id", models.CharField(blank=True, max_length=80, null=True)),
                ("exec_id", models.CharField(max_length=80)),
                ("counterparty", models.CharField(blank=True, max_length=40)),
                ("fingerprint", models.CharField(max_length=64)),
                ("reported_at", models.DateTimeField()),
                (
                    "standing",
                    models.CharField(
                        choices=[
                            ("held", "Held"),
                            ("counted", "Counted"),
                            ("refused", "Refused"),
                        ],
                        default="held",
                        max_length=7,
                    ),
                ),
                ("execution", columns.one("orders.execution", "reported", null=True)),
                ("execution_order", columns.to("orders.executionorder")),
                ("order", columns.to("orders.order", "reported_trades")),
                ("organization", columns.organization()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=Q(client_report_id__isnull=False) & ~Q(standing="refused"),
                        fields=("organization", "client_report_id"),
                        name="client_report_id_for_ever",
                    ),
                    models.UniqueConstraint(
                        condition=~Q(standing="refused"),
                        fields=("order", "counterparty", "exec_id"),
                        name="reported_trade_once",
                    ),
                    models.CheckConstraint(
                        condition=Q(standing="counted", execution__isnull=False)
                        | Q(standing__in=["held", "refused"], execution=None),
                        name="reported_trade_stands",
                    ),
                ],
            },
        ),
        migrations.RunSQL(laws.living("orders_reportedtrade", TERMS), migrations.RunSQL.noop),
        migrations.RunSQL(LAWS, UNDO),
        # Two dealers may call their trades alike: once per order and dealer is what holds.
        migrations.RemoveConstraint(model_name="execution", name="execution_once"),
        migrations.AddConstraint(
            model_name="execution",
            constraint=models.UniqueConstraint(
                F("source"),
                F("trade_date"),
                F("exec_id"),
                Case(
                    When(
                        source__startswith="external:",
                        then=Concat("order_id", Value("/"), "counterparty"),
                    ),
                    default=Value(""),
                ),
                name="execution_once",
            ),
        ),
        migrations.RemoveConstraint(model_name="heldreport", name="held_report_once"),
        migrations.RunSQL(laws.DROP_PATTERN_INDEXES, migrations.RunSQL.noop),
    ]
