"""`manage.py run_sequencer`: numbers the feed until it is told to stop."""

from __future__ import annotations

import signal
import sys
import time
from types import FrameType

from django.core.management.base import BaseCommand

from oms_site.firm import sandbox_clock
from oms_site.firm.database import conninfo
from oms_site.journal import sequencer
from oms_site.journal.sequencer import Sequencer

# Under load a run costs the same for one event as for fifty; after a quiet moment nothing waits.
_BREATH_SECONDS = 0.01


class Command(BaseCommand):
    """Leads or waits to lead; crashes loudly on a lost connection and is started again."""

    help = "Number committed events, link the hash chain and tell the readers."

    def handle(self, *args: object, **options: object) -> None:
        signal.signal(signal.SIGTERM, _stop)
        sandbox_clock.follow()
        with sequencer.lead(conninfo()) as bell:
            leader = Sequencer.resume()
            self.stdout.write(f"leading from event {leader.high}")
            while True:
                moved = leader.run_once()
                sequencer.announce(moved)
                if moved:
                    time.sleep(_BREATH_SECONDS)
                sequencer.wait(bell, seconds=0.5)


def _stop(signum: int, frame: FrameType | None) -> None:
    sys.exit(0)
