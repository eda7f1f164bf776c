"""The three phases put together: discover all, build all, start all."""

from composer._build.compose import build, compose, composition_of
from composer._build.composition import Composition

__all__ = ["Composition", "build", "compose", "composition_of"]

for _public in (Composition, build, compose, composition_of):
    _public.__module__ = "composer"
