"""Adapter to the simulated custodian. The custodian itself is `allocations.custodians.simulator`."""
