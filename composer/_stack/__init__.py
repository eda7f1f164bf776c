"""The layers around one app: limits, redaction of secrets, guard, hooks, and the adapters for a guest's paths."""
