"""One run of the matrix: each requirement on a connection of its own."""

from __future__ import annotations

import asyncio

from venues.acceptance import inquiries, order_book, prices
from venues.acceptance.floor import Finding, Floor, Requirement, Trial
from venues.gateways.port import GatewayError

_OF_PROTOCOLS = {
    "limit_order_book": (*order_book.REQUIREMENTS, *prices.REQUIREMENTS),
    "rfq": inquiries.REQUIREMENTS,
    # A desk works orders as a book does, and shows none.
    "custodian": order_book.REQUIREMENTS,
    # Nobody is on the other side of a cross: nothing can be asked.
    "internal_cross": (),
}


def requirements(trial: Trial) -> list[Requirement]:
    """What is asked of a venue that trades by these protocols."""
    return [one for name in sorted(trial.protocols) for one in _OF_PROTOCOLS[name]]


def certify(trial: Trial) -> list[Finding]:
    """Try every requirement; one that raises, or is not answered in time, is not met."""
    return [asyncio.run(_tried(one, trial)) for one in requirements(trial)]


async def _tried(one: Requirement, trial: Trial) -> Finding:
    why_not = one.why_not(trial)
    if why_not:
        return Finding(one.name, skipped=why_not)
    try:
        floor = Floor(trial, trial.gateway())
    except GatewayError as error:
        return Finding(one.name, error.message)
    try:
        await floor.connect(1)
        # What was said before today's trial is not looked at.
        await floor.connect(floor.last_seq + 1)
        fault = await one.check(floor)
        await floor.leave()
    except TimeoutError:
        return Finding(one.name, f"no answer within {trial.patience:g} seconds")
    except Exception as error:  # noqa: BLE001  whatever it raises, the requirement is not met
        return Finding(one.name, f"raised {error!r}")
    finally:
        await floor.gateway.close()
    return Finding(one.name, "; ".join([fault] * bool(fault) + floor.faults))
