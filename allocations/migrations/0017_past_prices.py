"""Reference prices of the past, kept as they move; what a call pays beside its price."""

from __future__ import annotations

from django.db import migrations, models
from django.db.models import F, Q

from oms_site.journal import columns, laws

# The first and the last price of every five minutes. Most moves stay within and cost no call.
_SLOT = "date_bin('5 minutes', {}.at, timestamptz '2000-01-01')"
_HELD = "EXISTS (SELECT 1 FROM allocations_position p WHERE p.instrument_id = {}.instrument_id)"
_KEEP = "INSERT INTO allocations_pastprice (instrument_id, at, mid_px, source)"
# Plans that were made while a table was empty would read all of it later.
_HOW = "LANGUAGE plpgsql SET enable_seqscan = off"
KEPT = f"""
CREATE FUNCTION allocations_price_was() RETURNS trigger {_HOW} AS $$
BEGIN
    IF {_HELD.format("NEW")} THEN
        {_KEEP} VALUES
            (OLD.instrument_id, OLD.at, OLD.mid_px, OLD.source),
            (NEW.instrument_id, NEW.at, NEW.mid_px, NEW.source) ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER venues_referenceprice_was AFTER UPDATE ON venues_referenceprice
    FOR EACH ROW WHEN ({_SLOT.format("OLD")} <> {_SLOT.format("NEW")})
    EXECUTE FUNCTION allocations_price_was();

CREATE FUNCTION allocations_price_begins() RETURNS trigger {_HOW} AS $$
BEGIN
    IF {_HELD.format("NEW")} THEN
        {_KEEP} VALUES (NEW.instrument_id, NEW.at, NEW.mid_px, NEW.source) ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER venues_referenceprice_begins AFTER INSERT ON venues_referenceprice
    FOR EACH ROW EXECUTE FUNCTION allocations_price_begins();

-- What nobody had held has no past yet: it begins with the price that there is.
CREATE FUNCTION allocations_position_has_price() RETURNS trigger {_HOW} AS $$
BEGIN
    {_KEEP}
        SELECT r.instrument_id, r.at, r.mid_px, r.source FROM venues_referenceprice r
        WHERE r.instrument_id IN (SELECT f.instrument_id FROM fresh f)
        ORDER BY r.instrument_id ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER allocations_position_has_price AFTER INSERT ON allocations_position
    REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION allocations_position_has_price();
INSERT INTO allocations_pastprice (instrument_id, at, mid_px, source)
    SELECT r.instrument_id, r.at, r.mid_px, r.source FROM venues_referenceprice r
    WHERE {_HELD.format("r")};
"""
UNDO = """
DROP TRIGGER allocations_position_has_price ON allocations_position;
DROP FUNCTION allocations_position_has_price();
DROP TRIGGER venues_referenceprice_begins ON venues_referenceprice;
DROP FUNCTION allocations_price_begins();
DROP TRIGGER venues_referenceprice_was ON venues_referenceprice;
DROP FUNCTION allocations_price_was();
"""


# A fee that is charged later is told to the custodian, as everything is that moves cash there.
_KINDS = (
    "'deposit', 'withdrawal', 'transfer', 'coupon', 'dividend', 'redemption', 'call', 'split',"
    " 'fx_buy', 'fx_sell'"
)
_TOLD = """
DROP TRIGGER allocations_movement_told ON allocations_movement;
CREATE TRIGGER allocations_movement_told AFTER INSERT ON allocations_movement FOR EACH ROW
    WHEN (NEW.kind IN ({})) EXECUTE FUNCTION allocations_movement_is_told();
"""
TOLD, NOT_TOLD = _TOLD.format(f"{_KINDS}, 'fee'"), _TOLD.format(_KINDS)
TRANSACTIONS = [
    ("deposit", "Deposit"),
    ("withdrawal", "Withdrawal"),
    ("transfer", "Transfer"),
    ("correction", "Correction"),
    ("exchange", "Exchange"),
    ("fee", "Fee"),
]
MOVEMENTS = [
    ("trade", "Trade"),
    ("bust", "Bust"),
    ("correction", "Correction"),
    ("allocation", "Allocation"),
    ("reversal", "Reversal"),
    ("transfer", "Transfer"),
    ("deposit", "Deposit"),
    ("withdrawal", "Withdrawal"),
    ("adjustment", "Adjustment"),
    ("coupon", "Coupon"),
    ("dividend", "Dividend"),
    ("redemption", "Redemption"),
    ("call", "Call"),
    ("split", "Split"),
    ("fx_buy", "currency bought"),
    ("fx_sell", "currency sold"),
    ("fee", "fee charged later"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("allocations", "0016_desks"),
        ("venues", "0012_asked_after_a_reset"),
    ]

    operations: list[migrations.operations.base.Operation] = [
        migrations.AddField(
            "corporateaction",
            "accrued",
            models.DecimalField(blank=True, decimal_places=10, max_digits=20, null=True),
        ),
        migrations.AddIndex(
            "position", models.Index(fields=["instrument"], name="position_of_instrument")
        ),
        migrations.CreateModel(
            name="PastPrice",
            fields=[
                ("id", columns.number()),
                ("at", models.DateTimeField()),
                ("mid_px", models.DecimalField(decimal_places=8, max_digits=18)),
                ("source", models.CharField(max_length=20)),
                ("instrument", columns.to("venues.instrument", constraint=False)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=["instrument", "at"], name="past_price_once")
                ]
            },
        ),
        migrations.RunSQL(laws.append_only("allocations_pastprice"), migrations.RunSQL.noop),
        migrations.RunSQL(KEPT, UNDO),
        migrations.AlterField(
            "transaction", "kind", models.CharField(choices=TRANSACTIONS, max_length=12)
        ),
        migrations.AlterField(
            "movement", "kind", models.CharField(choices=MOVEMENTS, max_length=12)
        ),
        migrations.AddConstraint(
            "transaction",
            models.CheckConstraint(
                condition=~Q(kind="fee")
                | Q(decision="applied", checker_id__isnull=False, cost=-F("amount"), qty=0),
                name="fee_is_charged_by_two",
            ),
        ),
        migrations.RunSQL(TOLD, NOT_TOLD),
    ]
