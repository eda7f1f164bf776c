"""Version 1 of apps that have newer versions; a group, so that `v1` is a segment of their prefixes."""
