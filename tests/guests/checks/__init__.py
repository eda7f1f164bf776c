"""One module for each guest: its package, and functions `check_...(url)` that raise where something is off."""
