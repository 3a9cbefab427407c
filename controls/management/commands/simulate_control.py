"""`manage.py simulate_control <control_id> --by <user> [--days 30] [--format json]`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from controls import governance, simulation
from controls.models import Control, Simulation
from oms_site.firm import generation, principals, sandbox_clock
from oms_site.firm.models import User
from oms_site.journal import statements
from oms_site.kit import clock
from oms_site.kit.errors import OmsError

_OUTCOMES = ("newly_flagged", "newly_rejected", "newly_passed")


class Command(BaseCommand):
    """Runs a version over stored tickets, however many there are, and keeps the result with it."""

    help = (
        "Simulate a version of a control over the stored orders of some days, as its approval "
        "needs it. Without --version-number: the version in force, else the newest."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("control_id", help="such as price-tolerance")
        parser.add_argument("--version-number", type=int, dest="number", metavar="N")
        parser.add_argument("--days", type=int, default=30, help="how far back (30)")
        parser.add_argument("--by", required=True, help="who asks: holds control.manage")
        parser.add_argument("--format", choices=["text", "json"], default="text")

    def handle(self, *args: Any, **options: Any) -> None:
        """Report what would have come out differently. Raises `CommandError` for any refusal."""
        sandbox_clock.read()
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
        told = _json(row, made) if options["format"] == "json" else _text(row, made)
        self.stdout.write(told)


def _json(row: Control, made: Simulation) -> str:
    return statements.encode(
        {
            "control_id": row.code,
            "version": row.version,
            "since": made.since,
            "until": made.until,
            "tickets": made.tickets,
            **made.report,
        }
    )


def _text(row: Control, made: Simulation) -> str:
    report = made.report
    counts = ", ".join(f"{report[name]} {name.replace('_', ' ')}" for name in _OUTCOMES)
    lines = [f"{row}: {made.tickets} orders since {made.since:%Y-%m-%d %H:%M} UTC, {counts}"]
    for title in ("account", "trader"):
        for name, found in report[f"by_{title}"].items():
            moved = ", ".join(f"{n} {what.replace('_', ' ')}" for what, n in found.items())
            lines.append(f"  {title} {name}: {moved}")
    lines += [
        f"  {one['order_id']} {one['was']} -> {one['now']}: {one['message']}"
        for one in report["samples"]
    ]
    if report["unreadable"]:
        lines.append(f"  {report['unreadable']} stored tickets could not be read")
    return "\n".join(lines)
