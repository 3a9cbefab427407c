"""Kill switches and trading halts: one row from being engaged until it is released."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django_fsm import transition

from controls.states import HALT_STANDING, HALT_STEPS, HaltStatus
from oms_site.firm.models import person_or_none
from oms_site.journal.fields import StateField
from oms_site.journal.rows import LedgerRow


def _step(name: str) -> dict[str, Any]:
    sources, target = HALT_STEPS[name]
    return {"source": list(sources), "target": target}


# Whoever stopped trading by judgment or by a price gives it back with a second person's word.
BY_TWO = ("kill_switch", "circuit_breaker")


def _ends_on_its_own(halt: Any) -> bool:
    return not _needs_two(halt)


def _needs_two(halt: Any) -> bool:
    return str(halt.kind) in BY_TWO


def _may_be_asked(halt: Any) -> bool:
    # One that cancels is given back only once everything in it is proven gone.
    return bool(_needs_two(halt)) and (not halt.cancels or halt.status == HaltStatus.CONFIRMED_FLAT)


class Halt(LedgerRow):
    """What is stopped, why, by whom, and how far it has come.

    It stops orders of its own organization; those that the house engages (`imposed`) stop
    everybody's, and share an `engagement_id` over all organizations. Kill switches and what circuit
    breakers stopped are released by two persons; the database refuses one person in both roles. A
    lack of capacity and a regulator's halt are lifted when their cause has gone.
    """

    class Kind(models.TextChoices):
        KILL_SWITCH = "kill_switch"
        CIRCUIT_BREAKER = "circuit_breaker"
        CAPACITY = "capacity"
        REGULATORY = "regulatory"

    class Scope(models.TextChoices):
        ALL = "all"
        ORGANIZATION = "organization"
        DESK = "desk"
        ACCOUNT = "account"
        TRADER = "trader"
        API_KEY = "api_key"
        STRATEGY = "strategy"
        VENUE = "venue"
        INSTRUMENT = "instrument"

    class Mode(models.TextChoices):
        HALT = "halt"
        REDUCING = "reducing"

    class Source(models.TextChoices):
        ADMIN = "admin"
        AUTOMATIC = "automatic"
        DIRECTIVE = "exchange_directive"

    engagement_id = models.CharField(max_length=40)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    scope = models.CharField(max_length=12, choices=Scope.choices)
    target = models.CharField(max_length=64, blank=True)
    target_name = models.CharField(max_length=160)
    target_user = person_or_none()
    mode = models.CharField(max_length=10, choices=Mode.choices)
    cancels = models.BooleanField()
    imposed = models.BooleanField(default=False)
    source = models.CharField(max_length=20, choices=Source.choices)
    trigger = models.CharField(max_length=80, blank=True)
    reason = models.CharField(max_length=500)
    engaged_by = person_or_none()
    engaged_at = models.DateTimeField()

    status = StateField(default=HaltStatus.DISENGAGED.value, max_length=18)
    draining_at = models.DateTimeField(null=True, blank=True)
    flat_at = models.DateTimeField(null=True, blank=True)
    release_requested_by = person_or_none()
    release_requested_at = models.DateTimeField(null=True, blank=True)
    release_reason = models.CharField(max_length=500, blank=True)
    released_by = person_or_none()
    released_at = models.DateTimeField(null=True, blank=True)

    MUTABLE: ClassVar[tuple[str, ...]] = (
        "status",
        "draining_at",
        "flat_at",
        "release_requested_by_id",
        "release_requested_at",
        "release_reason",
        "released_by_id",
        "released_at",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in HaltStatus]), name="halt_status_known"
            ),
            models.CheckConstraint(
                condition=Q(released_by=None)
                | (
                    Q(release_requested_by__isnull=False)
                    & ~Q(released_by=F("release_requested_by"))
                ),
                name="two_persons_release",
            ),
            models.CheckConstraint(
                condition=~Q(status="released", kind__in=BY_TWO) | Q(released_by__isnull=False),
                name="halt_released_by_a_person",
            ),
            models.CheckConstraint(
                condition=~Q(status="release_requested") | Q(release_requested_by__isnull=False),
                name="release_has_a_requester",
            ),
            models.CheckConstraint(
                condition=~Q(source="admin") | Q(engaged_by__isnull=False),
                name="a_person_engaged_it",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="halt_has_a_reason"),
            models.UniqueConstraint(
                # One that lets orders pass which reduce does not stand in the way of a full stop.
                fields=["organization", "kind", "scope", "target", "imposed", "mode"],
                name="one_standing_halt",
                condition=Q(status__in=sorted(HALT_STANDING)),
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "engaged_at"], name="halt_log"),
            models.Index(fields=["engagement_id"], name="halt_of_engagement"),
            models.Index(
                fields=["trigger", "released_at"],
                name="halt_given_back",
                condition=~Q(released_at=None),
            ),
            models.Index(
                fields=["organization", "-released_at"],
                name="halt_released_log",
                condition=Q(status="released"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} on {self.target_name}"

    @property
    def is_standing(self) -> bool:
        """Whether it stops anything now."""
        return self.status in HALT_STANDING

    @property
    def by_two(self) -> bool:
        """Whether two persons give it back; otherwise it ends with its cause."""
        return _needs_two(self)

    @transition(field=status, **_step("halt_engage"))
    def engage(self) -> None:
        """From now on nothing new passes."""

    @transition(field=status, **_step("halt_drain"))
    def drain(self, *, at: datetime) -> None:
        """Orders in its scope are still alive, or not proven gone."""
        self.draining_at, self.flat_at = at, None

    @transition(field=status, **_step("halt_confirm_flat"))
    def confirm_flat(self, *, at: datetime) -> None:
        """Every order in its scope is proven gone."""
        self.flat_at = at

    @transition(field=status, conditions=[_may_be_asked], **_step("halt_request_release"))
    def request_release(self, *, by_id: int, reason: str, at: datetime) -> None:
        """One person asks to trade again; a second one must confirm."""
        self.release_requested_by_id, self.release_requested_at = by_id, at
        self.release_reason = reason

    @transition(field=status, conditions=[_needs_two], **_step("halt_release"))
    def release(self, *, by_id: int, at: datetime) -> None:
        """The second person confirmed."""
        self.released_by_id, self.released_at = by_id, at

    @transition(field=status, conditions=[_ends_on_its_own], **_step("halt_lift"))
    def lift(self, *, at: datetime, reason: str) -> None:
        """Its cause has gone."""
        self.released_at, self.release_reason = at, reason
