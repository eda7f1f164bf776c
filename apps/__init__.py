"""The apps: each package or module with a `create_app` is one."""
