"""Manners of the HTTP API shared by every floor."""
