"""What happened: events, the feed, the hash chain, idempotency, the stream, and the one door."""
