"""How hard a property is tried: as its file says, and harder in the profile `deep`."""

from __future__ import annotations

from hypothesis import settings

DEEP = "deep"


def examples(ordinary: int) -> int:
    """How many examples a property is tried on; `deep` never tries fewer than its own number."""
    return max(ordinary, settings().max_examples) if _is_deep() else ordinary


def steps(ordinary: int) -> int:
    """How many steps a story of a state machine has at most, likewise."""
    return max(ordinary, settings().stateful_step_count) if _is_deep() else ordinary


def _is_deep() -> bool:
    return settings.get_current_profile_name() == DEEP
