"""The story: orders from request to the last share, told once."""
