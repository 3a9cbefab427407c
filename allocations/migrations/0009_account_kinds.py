"""What kind of account it is, what it may hold, and whose branch a broker is."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models

from oms_site.journal import columns


class Migration(migrations.Migration):
    dependencies = [
        ("allocations", "0008_custodian_files"),
        ("firm", "0005_founders"),
    ]

    operations = [
        migrations.AddField(
            model_name="account",
            name="account_type",
            field=models.CharField(
                choices=[
                    ("individual", "Individual"),
                    ("joint", "Joint"),
                    ("retirement", "Retirement"),
                    ("trust", "Trust"),
                    ("corporate", "Corporate"),
                    ("institution", "Institution"),
                    ("omnibus", "omnibus: several clients of another firm"),
                    ("house", "house: the firm's own"),
                ],
                default="individual",
                max_length=12,
            ),
        ),
        migrations.AddField(
            model_name="account",
            name="categories",
            field=ArrayField(
                base_field=models.CharField(max_length=40),
                blank=True,
                default=list,
                help_text="names to find it by, separated by commas",
            ),
        ),
        migrations.AddField(
            model_name="account",
            name="currencies",
            field=ArrayField(
                base_field=models.CharField(max_length=3),
                blank=True,
                default=list,
                help_text="other currencies it may exchange money into; none named: any",
            ),
        ),
        migrations.AddField(
            model_name="introducingbroker",
            name="parent",
            field=columns.to("allocations.introducingbroker", "branches", index=True, null=True),
        ),
        migrations.AddConstraint(
            model_name="introducingbroker",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("parent", None),
                    models.Q(("parent", models.F("id")), _negated=True),
                    _connector="OR",
                ),
                name="ib_is_not_its_own_parent",
            ),
        ),
    ]
