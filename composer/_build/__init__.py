"""The three phases put together: discover all, build all, start all."""

from composer._build._compose import Composition, build, compose, composition_of

__all__ = ["Composition", "build", "compose", "composition_of"]
