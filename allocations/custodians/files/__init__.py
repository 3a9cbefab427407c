"""A custodian that is spoken to by files: numbered batches out, one acknowledgement file for each.

The format is documented in `docs/subsystems/client_side_outside.md`.
"""
