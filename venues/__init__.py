"""The market side: what can be traded, when, at what price, and over which wire."""
