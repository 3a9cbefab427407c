"""Comparing what we believe with what others say: venues, custodians, and our own arithmetic."""
