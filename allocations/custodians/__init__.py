"""Custodians: the port we book through, one adapter per kind, and the simulated outside party."""
