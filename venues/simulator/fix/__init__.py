"""The venue's FIX entrance: the same sessions, matching and journals, by rules of its own."""
