"""Shorter ways through the root where nothing on the whole way would have an effect; each falls back to the whole."""
