"""`manage.py seed_sandbox [--reset]`: the deterministic sandbox, refused anywhere else."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction

from allocations import seed as clients
from controls import seed as gate
from oms_site.firm import policy_changes, principals, role_changes, sandbox_clock
from oms_site.firm.models import ApiKey, Organization, SandboxClock, User, digest
from oms_site.firm.roles import Role
from oms_site.kit import clock
from oms_site.throttling import seed as rates
from orders.models import Ruleset
from venues import seed as market
from venues import sessions
from venues.calendar import NEW_YORK, Session, new_york_date
from venues.models import Venue

PASSWORD = "sandbox"  # noqa: S105  published on purpose, refused outside the sandbox
PEOPLE = {
    "trader": Role.TRADER,
    "senior": Role.SENIOR_TRADER,
    "compliance": Role.COMPLIANCE,
    "compliance2": Role.COMPLIANCE,
    "ops": Role.OPERATIONS,
    "auditor": Role.AUDITOR,
    "admin": Role.ADMIN,
}
HOUSE_OPERATIONS = ("house_ops", "house_ops2")
# Small orders work themselves over the book; larger ones wait for a trader.
RULES = [
    {
        "id": "small-to-book",
        "when": {
            "asset_class": ["treasury", "agency", "corporate", "municipal", "equity"],
            "max_qty": "1000000",
        },
        "then": {"protocol": "limit_order_book", "strategy": "smart_order_routing"},
    }
]


class Command(BaseCommand):
    """Makes what is missing; with --reset removes everything first."""

    help = "Seed the sandbox: organizations, people, keys, accounts, instruments, controls, venues."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--reset", action="store_true", help="remove all data first")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.SANDBOX:
            raise CommandError("this is not a sandbox (OMS_ENV): nothing was changed")
        if options["reset"]:
            _remove_everything()
        with transaction.atomic():
            seed(clock.machine_now())
        _set_clock()
        self.stdout.write("sandbox seeded")


def seed(at: datetime, *, years: tuple[int, int] = (2020, 2032)) -> None:
    """All rows of the sandbox. Idempotent. Calendars reach from the first year to the last."""
    known = Venue.objects.filter(id=market.DESK).exists()
    market.seed(at=at, years=years)
    for organization_id in ("house", "alpha", "beta"):
        Organization.objects.get_or_create(
            id=organization_id, defaults={"name": organization_id.title()}
        )
        policy_changes.first(
            organization_id,
            preset="full" if organization_id == "beta" else "guide",
            at=at - timedelta(days=3650),
        )
    clients.seed(at)
    if not known:
        # Only with the desk itself: whoever takes it from its custodian later has had reasons.
        clients.open_desk(clients.LPL, market.DESK)
    _house_operations(at)
    _house_admins()
    _house_keys(at)
    for organization_id in ("alpha", "beta"):
        _people(organization_id, at)
        gate.seed(organization_id, reject_all=organization_id == "beta", at=at)
    rates.seed()
    Ruleset.objects.get_or_create(
        organization_id="alpha",
        version=1,
        defaults={"rules": RULES, "active": True, "created_at": at},
    )


def _house_admins() -> None:
    """Who keeps what all organizations share; two, because some of it needs two people."""
    for username in ("house_admin", "house_admin2"):
        User.objects.get_or_create(
            username=username,
            defaults={
                "organization_id": "house",
                "roles": [Role.ADMIN.value],
                "is_staff": True,
                "is_superuser": True,
                "password": _password(),
            },
        )


def _house_operations(at: datetime) -> None:
    """Who looks at what belongs to no organization; two, because closing it needs two people."""
    there = User.objects.filter(organization_id="house")
    known = set(there.values_list("username", flat=True))
    for username in HOUSE_OPERATIONS:
        if username in known:
            continue
        user = _person("house", username)
        if not known:
            # Whoever founds the house gives its first people their roles.
            user.roles = [Role.OPERATIONS.value]
        user.save()
        if known:
            _hire(user, Role.OPERATIONS, at, agreed_by="admin2")


def _house_keys(at: datetime) -> None:
    for username in HOUSE_OPERATIONS:
        token = f"oems_test_{username}"
        user = User.objects.get(username=username)
        ApiKey.objects.get_or_create(
            digest=digest(token),
            defaults={"user": user, "prefix": token, "sandbox": True, "created_at": at},
        )


def _people(organization_id: str, at: datetime) -> None:
    wanted = {f"{organization_id}_{name}": role for name, role in PEOPLE.items()}
    rows = User.objects.filter(organization_id=organization_id)
    known = {user.username: user for user in rows}
    new = [_person(organization_id, name) for name in wanted if name not in known]
    if not known:
        # Whoever founds an organization gives its first people their roles, all at once.
        for user in new:
            user.roles = [wanted[user.username].value]
    User.objects.bulk_create(new)
    for user in new if known else []:
        _hire(user, wanted[user.username], at)
    users = {**known, **{user.username: user for user in new}}
    for username in wanted:
        user, token = users[username], f"oems_test_{username}"
        ApiKey.objects.get_or_create(
            digest=digest(token),
            defaults={"user": user, "prefix": token, "sandbox": True, "created_at": at},
        )


def _person(organization_id: str, username: str) -> User:
    return User(
        username=username,
        organization_id=organization_id,
        is_staff=True,
        email=f"{username}@sandbox.invalid",
        password=_password(),
    )


def _hire(user: User, role: Role, at: datetime, *, agreed_by: str = "compliance") -> None:
    """Roles for who joins later: its organization's admin asks, somebody else there agrees."""
    asks, agrees = (
        principals.of_user(User.objects.get(username=f"{user.organization_id}_{name}"), via="seed")
        for name in ("admin", agreed_by)
    )
    made = role_changes.propose(user.username, [role], reason="sandbox", by=asks, at=at)
    role_changes.approve(made.pk, by=agrees, at=at)


@cache
def _password() -> str:
    """One hash for all: the password is public, and hashing is slow on purpose."""
    return make_password(PASSWORD)


def _set_clock() -> None:
    """If the real market is shut at the first start, it is 10:00 of the next trading day here."""
    if settings.REAL_CLOCK or SandboxClock.objects.exists():
        return
    now = clock.machine_now()
    calendar = sessions.calendar("SIFMA")
    if calendar.phase(now, extended=False) == Session.OPEN:
        SandboxClock.objects.create(id=1, offset_seconds=0, reason="the market is open")
        return
    day = new_york_date(now)
    if calendar.phase(now, extended=False) != Session.BEFORE:
        day = calendar.next_day(day)
    ten = datetime(day.year, day.month, day.day, 10, tzinfo=NEW_YORK)
    sandbox_clock.set_to(ten, reason="the real market was shut at the first start")


def _remove_everything() -> None:
    """Empty every table of ours. The append-only guards are lifted for this one transaction."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' "
            "AND tablename NOT IN ('django_migrations', 'django_content_type', 'auth_permission')"
        )
        tables = [row[0] for row in cursor.fetchall()]
        for table in tables:
            cursor.execute(f'ALTER TABLE "{table}" DISABLE TRIGGER USER')
        names = ", ".join(f'"{table}"' for table in tables)
        cursor.execute(f"TRUNCATE {names} RESTART IDENTITY CASCADE")
        for table in tables:
            cursor.execute(f'ALTER TABLE "{table}" ENABLE TRIGGER USER')
