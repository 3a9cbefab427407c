"""The revisions of an order's terms: finding what is asked, dropping it, putting it in force.

Below the story: nothing here speaks to a venue or decides whether it may be.
"""
