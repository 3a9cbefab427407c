"""The other side of a service that is spoken to by files: it reads what we sent and agrees."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from allocations.custodians.files import numbered
from allocations.custodians.settling import Confirmation


def agree(directory: Path, one: Confirmation, *, broker: str, **otherwise: str) -> None:
    """State the same trade, or one that differs so, in the next file of the service's directory."""
    _, (record,) = numbered.parse((directory / "to" / f"{one.key}.jsonl").read_bytes())
    assert record["counterparty"] == broker
    kept = {name: record[name] for name in asdict(one) if name not in ("key", "currency")}
    number = numbered.next_number(directory / "from")
    reference = f"CP-{one.key}-{number}"
    said = {"type": "statement", "reference": reference, **kept, **otherwise}
    answer = numbered.text_of({"kind": "answer"}, [said])
    numbered.put(directory / "from" / numbered.name_of(number), answer)
