"""What every venue's gateway must do before an order is ever sent through it.

Run by `manage.py certify VENUE` and by the tests, against the venue's test session. It knows the
venue only through the gateway port, trades a little, and stops what it began. Writes nothing.
"""

from venues.acceptance.floor import Finding, Requirement, Trial
from venues.acceptance.trying import certify, requirements

__all__ = ["Finding", "Requirement", "Trial", "certify", "requirements"]
