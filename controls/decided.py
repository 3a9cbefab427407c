"""What a client's id of a decision was given to: one person's word in one review, for ever.

Asked by the desk before it decides. The database holds each id once (`ONCE`);
a decision that was refused has written none, so its id is free.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import QuerySet

from controls.models import ReviewVote
from oms_site.firm.principals import Principal
from oms_site.kit.errors import OmsError

ONCE = "client_decision_id_for_ever"


def before(
    client_decision_id: str,
    *,
    approve: bool,
    subject: str,
    subject_version: int | None,
    annotation: str,
    reasons: Mapping[str, tuple[str, str]],
    by: Principal,
) -> ReviewVote | None:
    """The vote that this id has made already, for the same person who says the same again.

    Raises idempotency_conflict (409) for an id that decided something else: about another order or
    another version, for another reason, or by somebody else.
    """
    # Rows from before ids were claimed may share one: the first keeps it.
    rows = _votes(client_decision_id, approve=approve, by=by)
    vote = rows.select_related("review").order_by("decided_at", "id").first()
    if vote is None:
        return None
    asked = (subject, subject_version or vote.subject_version, annotation.strip(), by.user_id)
    said = (vote.review.subject, vote.subject_version, vote.annotation, vote.decided_by_id)
    if asked != said or not _same_reasons(vote, reasons):
        name = f"client_manual_{'approve' if approve else 'reject'}_id"
        raise OmsError(
            "idempotency_conflict",
            f"This {name} belongs to another decision.",
            field=name,
            status=409,
        )
    return vote


def is_known(client_decision_id: str, *, approve: bool, by: Principal) -> bool:
    """Whether this id has decided anything yet."""
    return _votes(client_decision_id, approve=approve, by=by).exists()


def _votes(client_decision_id: str, *, approve: bool, by: Principal) -> QuerySet[ReviewVote]:
    if not client_decision_id:
        return ReviewVote.objects.none()
    return ReviewVote.objects.filter(
        organization_id=by.organization_id,
        approve=approve,
        client_decision_id=client_decision_id,
    )


def _same_reasons(vote: ReviewVote, reasons: Mapping[str, tuple[str, str]]) -> bool:
    rows = vote.decisions.order_by("control_id")
    return all((row.reason_code, row.annotation) == reason(reasons, row.control_id) for row in rows)


def reason(reasons: Mapping[str, tuple[str, str]], control_id: str) -> tuple[str, str]:
    """The reason code and the note for one failed control; "" stands for all the others."""
    return reasons.get(control_id) or reasons.get("") or ("other", "")
