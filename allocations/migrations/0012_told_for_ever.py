"""What matching services said stays as it came; an id that was given back is claimed anew."""

from __future__ import annotations

from django.db import migrations

from allocations.migrations import _client_ids
from oms_site.journal import laws

_MESSAGES = "allocations_matchingmessage"
# Of custodians' messages the other two laws are there already.
_CUSTODIANS = """
CREATE TRIGGER allocations_custodianmessage_no_truncate BEFORE TRUNCATE
    ON allocations_custodianmessage FOR EACH STATEMENT
    EXECUTE FUNCTION oms_refuse('what a party has said is kept as it came');
"""
_NO_CUSTODIANS = (
    "DROP TRIGGER allocations_custodianmessage_no_truncate ON allocations_custodianmessage;"
)


class Migration(migrations.Migration):
    dependencies = [("allocations", "0011_client_ids")]

    operations = [
        migrations.RunSQL(laws.told(_MESSAGES, "service_id"), laws.untold(_MESSAGES)),
        migrations.RunSQL(_CUSTODIANS, _NO_CUSTODIANS),
        migrations.RunSQL(_client_ids.CLAIM_AGAIN, _client_ids.CLAIM),
    ]
