"""The layers around one app: limits, redaction of secrets, guard, hooks, and what a guest needs for its paths."""
