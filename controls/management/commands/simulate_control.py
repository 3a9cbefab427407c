"""`manage.py simulate_control <control_id> --by <user> [--days 30]`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from controls import governance, simulation
from oms_site.firm import generation, principals
from oms_site.firm.models import User
from oms_site.kit import clock
from oms_site.kit.errors import OmsError


class Command(BaseCommand):
    """Runs a draft over stored tickets, however many there are, and keeps the result with it."""

    help = "Simulate a version of a control over the stored tickets of some days."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("control_id")
        parser.add_argument("--version-number", type=int, dest="number")
        parser.add_argument("--days", type=int, default=30)
        parser.add_argument("--by", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        generation.check()
        user = User.objects.filter(username=options["by"], is_active=True).first()
        if user is None:
            raise CommandError(f"no such user: {options['by']}")
        by = principals.of_user(user, via="simulate_control")
        try:
            row = governance.own(options["control_id"], by=by, version=options["number"])
            made = simulation.run(
                row,
                days=options["days"],
                by=by,
                at=clock.now(),
                most=None,
                progress=lambda done: self.stderr.write(f"{done} tickets"),
            )
        except OmsError as error:
            raise CommandError(f"{error.code}: {error.message}") from error
        told = ", ".join(
            f"{made.report[name]} {name}"
            for name in ("newly_flagged", "newly_rejected", "newly_passed")
        )
        self.stdout.write(f"{row}: {made.tickets} tickets, {told}")
