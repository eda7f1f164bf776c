"""The endpoint folders: each package (or module) with a `create_app` is one app."""
