"""`manage.py control_review --organization <id> --from <day> --to <day> [--format csv]`."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from controls import evidence
from oms_site.firm.models import Organization
from oms_site.journal import statements

_PARTS = ("controls", "changes", "hits", "overrides", "exceptions")


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class Command(BaseCommand):
    """The evidence of a periodic review of controls, as JSON or CSV. It only reads."""

    help = "Report controls, changes, hits and overrides of some time (days and times are UTC)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organization", required=True, help="whose controls")
        parser.add_argument("--from", required=True, dest="since", metavar="DAY", help="first day")
        parser.add_argument("--to", required=True, dest="until", metavar="DAY", help="excluded")
        parser.add_argument(
            "--format",
            choices=["json", "csv"],
            default="json",
            help="csv has one line per field: part, row, field, value",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the report. Raises `CommandError` for unknown organizations and times."""
        try:
            since, until = _moment(options["since"]), _moment(options["until"])
        except ValueError as error:
            raise CommandError("Give days or times such as 2026-01-31.") from error
        if until <= since:
            raise CommandError("--to comes after --from.")
        if not Organization.objects.filter(pk=options["organization"]).exists():
            raise CommandError(f"There is no organization {options['organization']}.")
        found = evidence.report(options["organization"], since=since, until=until)
        if options["format"] == "json":
            self.stdout.write(statements.encode(found))
            return
        writer = csv.writer(self.stdout)
        writer.writerow(["part", "row", "field", "value"])
        for part in _PARTS:
            for number, row in enumerate(found[part], start=1):
                for field, value in row.items():
                    shown = value if isinstance(value, str) else statements.encode(value)
                    writer.writerow([part, number, field, shown])
