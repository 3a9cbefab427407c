"""`manage.py install_pack <name> --organization <id> [--activate <maker> <checker>]`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from controls import packs
from oms_site.firm import generation, principals, sandbox_clock
from oms_site.firm.models import Organization, User
from oms_site.firm.principals import Principal
from oms_site.kit import clock
from oms_site.kit.errors import OmsError


class Command(BaseCommand):
    """Installs a pack of controls as drafts; idempotent."""

    help = (
        "Install a pack of controls as drafts and, with --activate, put them in force. "
        "Running it again adds nothing. Packs: " + ", ".join(packs.PACKS)
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="one of: " + ", ".join(packs.PACKS))
        parser.add_argument("--organization", required=True, help="whose controls they become")
        parser.add_argument(
            "--activate",
            nargs=2,
            metavar=("MAKER", "CHECKER"),
            help="two people of the organization: one asks, the other approves",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Report each draft and what came into force. Raises `CommandError` for any refusal."""
        sandbox_clock.read()
        generation.check()
        house = options["organization"]
        if not Organization.objects.filter(pk=house).exists():
            raise CommandError(f"There is no organization {house}.")
        people = [self._person(name, house) for name in options["activate"] or ()]
        if people and people[0].user_id == people[1].user_id:
            raise CommandError("Name two people: who asks may not approve.")
        try:
            pack = packs.find(options["name"])
            made = packs.install(pack, house, at=clock.now())
            for row in made:
                self.stdout.write(f"draft {row} ({row.citation})")
            self.stdout.write(f"{pack.name} version {pack.version}: {len(made)} added")
            if people:
                maker, checker = people
                done = packs.activate(pack, house, maker=maker, checker=checker, at=clock.now())
                self.stdout.write(f"{len(done)} put in force")
            elif made:
                self.stdout.write("They count once simulated, submitted and approved (--activate).")
        except OmsError as error:
            raise CommandError(f"{error.code}: {error.message}") from error

    def _person(self, name: str, house: str) -> Principal:
        user = User.objects.filter(username=name, organization_id=house, is_active=True).first()
        if user is None:
            raise CommandError(f"{house} has no user {name}")
        return principals.of_user(user, via="install_pack")
