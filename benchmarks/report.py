"""How a benchmark tells what it found: a table for people and one JSON line for machines."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any


def table(title: str, names: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; numbers to the right."""
    texts = [[_text(value) for value in row] for row in rows]
    widths = [max(len(line[n]) for line in [list(names), *texts]) for n in range(len(names))]
    print(f"\n{title}")
    for line in [list(names), ["-" * width for width in widths], *texts]:
        cells = [
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        print("  " + "  ".join(cells))


def bars(found: Iterable[tuple[str, bool, str]]) -> None:
    """Print each bar with whether it was met and what was measured."""
    print()
    for name, met, measured in found:
        print(f"  {'met   ' if met else 'MISSED'}  {name}: {measured}", flush=True)


def last_line(benchmark: str, *, ratios: dict[str, float], figures: dict[str, Any]) -> None:
    """Print the line that is read by programs; it is always the last."""
    rounded = {name: round(value, 3) for name, value in ratios.items()}
    line = {"benchmark": benchmark, "ratios": rounded, "figures": {**figures, **machine()}}
    print("\n" + json.dumps(line, default=_rounded))


def middle(values: Iterable[float]) -> float:
    """The median; how far single rounds lie apart is told beside it."""
    return median(values)


def machine() -> dict[str, Any]:
    """What it ran on."""
    cpuinfo = Path("/proc/cpuinfo")
    model = next(
        (
            line.partition(":")[2].strip()
            for line in (cpuinfo.read_text().splitlines() if cpuinfo.exists() else [])
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    return {
        "machine": f"{os.cpu_count()} x {model}",
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 2),
    }


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _rounded(value: object) -> object:
    return str(value)
