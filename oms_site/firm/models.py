"""Organizations, users, API keys, policies: the tables everything else is scoped to."""

from __future__ import annotations

import hashlib

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from oms_site.firm.roles import Role


class Organization(models.Model):
    """A tenant: its orders, accounts and controls are seen by nobody else."""

    id = models.CharField(primary_key=True, max_length=40)
    name = models.CharField(max_length=120)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="children"
    )

    def __str__(self) -> str:
        return self.name


class User(AbstractUser):
    """A person or a client system; every action is done by one of them."""

    organization = models.ForeignKey(
        Organization, null=True, blank=True, on_delete=models.PROTECT, related_name="users"
    )
    roles = ArrayField(
        models.CharField(max_length=20, choices=[(r.value, r.value) for r in Role]),
        default=list,
        blank=True,
    )


def person(*, constraint: bool = True) -> models.ForeignKey[User, User]:
    """The column that says who did something, without an index of its own and no way back.

    Users are never deleted. Without `constraint` the database does not look: in a ledger it would
    lock the same few people in every transaction of the day.
    """
    return models.ForeignKey(
        User,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=constraint,
    )


def person_or_none(*, constraint: bool = True) -> models.ForeignKey[User | None, User | None]:
    """As `person`, of what nobody may have done yet."""
    return models.ForeignKey(
        User,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=constraint,
    )


def digest(token: str) -> str:
    """What is stored of an API key: its SHA-256. Keys are 128 random bits, so no salt is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


class ApiKey(models.Model):
    """A machine key of a user. Only its digest is kept; `prefix` is what people recognize it by."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    digest = models.CharField(max_length=64, unique=True)
    prefix = models.CharField(max_length=40)
    sandbox = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.prefix}… of {self.user}"


class Policy(models.Model):
    """What desks do differently, decided per organization, versioned, pinned on each order.

    One person proposes a version, a second one decides; the database refuses anything else. The
    first version comes with the organization. What a version states never changes.
    """

    class Status(models.TextChoices):
        PROPOSED = "proposed"
        APPROVED = "approved"
        REJECTED = "rejected"
        WITHDRAWN = "withdrawn"

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="policies"
    )
    version = models.PositiveIntegerField()
    preset = models.CharField(max_length=20, default="guide")
    rules = models.JSONField(default=dict, blank=True)
    effective_at = models.DateTimeField()
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.PROPOSED)
    # "system" on the one that came with the organization.
    origin = models.CharField(max_length=20, blank=True, default="")
    reason = models.CharField(max_length=500, blank=True)
    proposed_by = person_or_none()
    proposed_at = models.DateTimeField(null=True, blank=True)
    decided_by = person_or_none()
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        verbose_name_plural = "policies"
        constraints = [
            models.UniqueConstraint(fields=["organization", "version"], name="policy_version_once"),
            models.CheckConstraint(
                condition=Q(status__in=["proposed", "approved", "rejected", "withdrawn"]),
                name="policy_status_known",
            ),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("proposed_by")),
                name="policy_maker_is_not_checker",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organization_id} policy {self.version} ({self.preset})"


class RoleChange(models.Model):
    """The roles one person wants a user to have; a second person, not the user, decides."""

    class Status(models.TextChoices):
        PROPOSED = "proposed"
        APPROVED = "approved"
        REJECTED = "rejected"
        WITHDRAWN = "withdrawn"

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="role_changes")
    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    was = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    roles = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.PROPOSED)
    reason = models.CharField(max_length=500)
    proposed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    decided_by = person_or_none()
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["proposed", "approved", "rejected", "withdrawn"]),
                name="role_change_status_known",
            ),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("proposed_by")),
                name="role_change_maker_is_not_checker",
            ),
            models.CheckConstraint(
                condition=~Q(status="approved") | ~Q(decided_by=F("user")),
                name="nobody_approves_his_own_roles",
            ),
            models.UniqueConstraint(
                fields=["user"], condition=Q(status="proposed"), name="one_role_change_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {', '.join(self.roles) or 'no role'}"


class Generation(models.Model):
    """One number that rises whenever reference data changes; caches compare it, nothing expires."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    number = models.BigIntegerField(default=1)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_generation")]

    def __str__(self) -> str:
        return str(self.number)


class SandboxClock(models.Model):
    """How far the sandbox is ahead of the machine; refused outside the sandbox."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    offset_seconds = models.FloatField(default=0)
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_sandbox_clock")]

    def __str__(self) -> str:
        return f"{self.offset_seconds:+.0f} s"
