"""`manage.py run_sequencer`: numbers the feed until it is told to stop."""

from __future__ import annotations

import signal
import sys
import time
from types import FrameType

from django.core.management.base import BaseCommand

from oms_site.firm import database, sandbox_clock
from oms_site.firm.database import conninfo
from oms_site.journal import sequencer
from oms_site.journal.announcing import Announcer
from oms_site.journal.sequencer import Sequencer
from oms_site.kit import collector

# Under load a run costs the same for one event as for fifty; after a quiet moment nothing waits.
_BREATH_SECONDS = 0.003


class Command(BaseCommand):
    """Leads or waits to lead; crashes loudly on a lost connection and is started again."""

    help = "Number committed events, link the hash chain and tell the readers."

    def handle(self, *args: object, **options: object) -> None:
        signal.signal(signal.SIGTERM, _stop)
        database.by_key()
        sandbox_clock.follow()
        with sequencer.lead(conninfo()) as bell:
            leader, announcer = Sequencer.resume(), Announcer()
            collector.spare()
            self.stdout.write(f"leading from event {leader.high}")
            while True:
                moved = leader.run_once()
                announcer.say(moved)
                if moved:
                    time.sleep(_BREATH_SECONDS)
                sequencer.wait(bell, seconds=0.5)


def _stop(signum: int, frame: FrameType | None) -> None:
    sys.exit(0)
