"""One mistake is one problem: what only follows from another problem is left out."""

from collections.abc import Collection, Sequence

from composer._model import Cornerstone, Problem, Section, errors_among

# What can't be said while a part is missing that another problem has kept from being known.
_CONSEQUENCES: dict[Section, set[str]] = {"apps": {"C025"}, "cornerstones": {"C012", "C029", "C058"}}
# The factory's types can't be read, so that nobody knows what the cornerstone provides.
_WITHOUT_A_TYPE = {"C016", "C017"}


def without_consequences(
    problems: Sequence[Problem], uncertain: Collection[Section], cornerstones: Sequence[Cornerstone]
) -> list[Problem]:
    """Return the problems without those that follow from others, where the parts of a section are `uncertain`.

    All are returned where no other error would be left, for these refuse the start then.
    """
    places = {part.place for part in cornerstones}
    sections = {*uncertain}
    if any(found.id in _WITHOUT_A_TYPE and found.where in places for found in problems):
        sections.add("cornerstones")
    left_out = {id for section in sections for id in _CONSEQUENCES[section]}
    left = [found for found in problems if found.id not in left_out]
    return left if errors_among(left) else list(problems)
