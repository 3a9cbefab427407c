"""Measurements of the running product beside plain baselines; each is run by `make bench`."""
