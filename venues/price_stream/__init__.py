"""The price stream: books pushed to who subscribes, conflated, with their staleness.

`hub` follows the cache once per web process; `socket` is one client. An entrance: it decides
nothing and writes nothing.
"""
