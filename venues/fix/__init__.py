"""FIX on the wire: framing and checksums, which both ends share, and our words for its fields."""
