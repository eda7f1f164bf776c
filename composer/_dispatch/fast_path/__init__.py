"""Shorter ways through the root where the skipped layers would have no effect; each falls back to the full way."""
