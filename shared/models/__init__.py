"""The project's trained models; without special requirements, composer's own cornerstone is enough."""

from composer.contrib.models import create_cornerstone

__all__ = ["create_cornerstone"]
