"""The back office: base classes that every floor's `admin.py` builds on.

They decide who sees and who changes which rows, and how values look. Nothing here knows a table;
nothing here writes to a ledger.
"""

from oms_site.admin.classes import ConfigAdmin, ReadOnlyAdmin
from oms_site.admin.versions import VersionedAdmin

__all__ = ["ConfigAdmin", "ReadOnlyAdmin", "VersionedAdmin"]
