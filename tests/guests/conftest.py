"""The guests' tests run where the guests are installed: `make test-guests`, not `make test`."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("fastmcp") else ["test_guests.py", "test_readme.py"]
