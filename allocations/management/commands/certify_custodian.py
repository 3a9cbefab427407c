"""`manage.py certify_custodian CODE`: does this custodian's adapter do what booking relies on?"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from allocations import accounts, adapters
from allocations.custodians import acceptance
from allocations.models import Custodian
from oms_site.firm import generation, sandbox_clock
from oms_site.kit import clock


class Command(BaseCommand):
    """Tries every requirement with the custodian's test account."""

    help = "Try a custodian's adapter against everything that booking relies on."

    def add_arguments(self, parser: CommandParser) -> None:
        """The custodian, and what to try it with."""
        parser.add_argument("code", help="the custodian's id")
        parser.add_argument("--account", default="CERTIFY-001", help="its test account")
        parser.add_argument("--cusip", default="912810SX7")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print each requirement. Raises `CommandError` when one is not met."""
        sandbox_clock.read()
        generation.check()
        custodian = accounts.find_custodian(options["code"])
        if custodian is None:
            known = ", ".join(Custodian.objects.order_by("id").values_list("id", flat=True))
            raise CommandError(f"There is no custodian {options['code']}. Known: {known}.")
        trial = acceptance.Trial(
            adapters.of(custodian), options["account"], options["cusip"], clock.now().date()
        )
        found = acceptance.certify(trial)
        for one in found:
            self.stdout.write(f"{'FAILED' if one.fault else 'ok':7}{one.requirement}")
            if one.fault:
                self.stdout.write(f"       {one.fault}")
        if any(one.fault for one in found):
            raise CommandError(f"{custodian.name} is not certified.")
        self.stdout.write(f"{custodian.name} is certified.")
