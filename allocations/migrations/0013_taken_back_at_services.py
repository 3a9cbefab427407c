"""A matching service is told what was taken back; files are kept for a day at least.

Choices and validators alone: no column changes.
"""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import migrations, models


def _days() -> models.PositiveSmallIntegerField[int, int]:
    return models.PositiveSmallIntegerField(
        blank=True,
        help_text="files with it are removed after so many days; none: never",
        null=True,
        validators=[MinValueValidator(1)],
    )


class Migration(migrations.Migration):
    dependencies = [("allocations", "0012_told_for_ever")]

    operations = [
        migrations.AlterField(
            "tradeconfirm",
            "ask",
            models.CharField(
                blank=True,
                choices=[
                    ("", "Nothing"),
                    ("confirm", "Confirm"),
                    ("dispute", "Dispute"),
                    ("withdraw", "Withdraw"),
                ],
                default="",
                max_length=8,
            ),
        ),
        migrations.AlterField("custodian", "keep_files_days", _days()),
        migrations.AlterField("matchingservice", "keep_files_days", _days()),
    ]
