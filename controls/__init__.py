"""The gate: what an order must pass before it may reach a venue."""
