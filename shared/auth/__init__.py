"""The project's API keys; without special requirements, composer's own cornerstone is enough."""

from composer.contrib.auth import create_cornerstone

__all__ = ["create_cornerstone"]
