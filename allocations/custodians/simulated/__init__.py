"""Adapter to the simulated custodian, which itself is `allocations.custodians.simulator`."""
