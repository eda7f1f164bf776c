"""Version 1 of those apps that have moved on since; a group, so that `v1` is a segment of their prefixes."""
