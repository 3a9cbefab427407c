"""The generated pages of `docs/reference/`, written from the tables that the product runs by.

Called by `manage.py generate_docs` and by the test that keeps the pages fresh. Nothing here reads
the database or the clock: the same code always gives the same text.
"""

from orders.reference.pages import FOLDER, pages

__all__ = ["FOLDER", "pages"]
