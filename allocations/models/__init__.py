"""Tables of the client side."""

from allocations.models.account import Account, Custodian, IntroducingBroker, RiskGroup
from allocations.models.allocation import AccountAllocation, Allocation, BookingLeg

__all__ = [
    "Account",
    "AccountAllocation",
    "Allocation",
    "BookingLeg",
    "Custodian",
    "IntroducingBroker",
    "RiskGroup",
]
