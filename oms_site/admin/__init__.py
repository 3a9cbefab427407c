"""The back office: base classes that every floor's `admin.py` builds on.

They decide who sees and who changes which rows, and how values look; nothing here writes to a
ledger. The firm lies below, so its pages are here too, in `firm_pages`.
"""

from oms_site.admin.classes import ConfigAdmin, ReadOnlyAdmin
from oms_site.admin.versions import VersionedAdmin

__all__ = ["ConfigAdmin", "ReadOnlyAdmin", "VersionedAdmin"]
