"""The sandbox's clearing parties, and who clears what there. Leaves people's changes."""

from __future__ import annotations

from allocations.models import ClearingArrangement, ClearingParty

FICC, NSCC, PERSHING = "clr_ficc", "clr_nscc", "clr_pershing"
_PARTIES = (
    (FICC, "FICC", ClearingParty.Role.CCP),
    (NSCC, "NSCC", ClearingParty.Role.CCP),
    (PERSHING, "Pershing Clearing", ClearingParty.Role.BROKER),
)
_CCP_OF = {
    "treasury": FICC,
    "agency": FICC,
    "corporate": NSCC,
    "municipal": NSCC,
    "equity": NSCC,
}
# Whose trades go to a clearing broker too, and each one's number.
_MEMBERS = {"alpha": ("0901", True), "beta": ("0902", False)}


def seed(organization_id: str) -> None:
    """Add the parties, and the arrangements of one organization of the sandbox."""
    ClearingParty.objects.bulk_create(
        [ClearingParty(id=key, name=name, role=role) for key, name, role in _PARTIES],
        ignore_conflicts=True,
    )
    member, has_broker = _MEMBERS.get(organization_id, ("", False))
    rows = [
        ClearingArrangement(
            organization_id=organization_id,
            asset_class=asset_class,
            party_id=party_id,
            member=member,
        )
        for asset_class, ccp in _CCP_OF.items()
        for party_id in ((ccp, PERSHING) if has_broker else (ccp,))
    ]
    ClearingArrangement.objects.bulk_create(rows if member else [], ignore_conflicts=True)
