"""`python -m oms_site.supervisor`: start the whole product and keep it alive until Ctrl-C."""

from __future__ import annotations

import os
import sys

from oms_site.supervisor.data import read_layout
from oms_site.supervisor.launch import launch, whole_product
from oms_site.supervisor.terminal import CannotStart, say


def main() -> int:
    """Read the environment and run; the exit code."""
    try:
        layout = read_layout(os.environ)
    except CannotStart as error:
        say(str(error))
        return 1
    return launch(layout, whole_product(layout), environ=os.environ)


if __name__ == "__main__":
    sys.exit(main())
