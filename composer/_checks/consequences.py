"""One mistake is one problem: problems that only follow from another one are left out."""

from collections.abc import Collection, Sequence

from composer._model import Cornerstone, Problem, Section, errors_among

# Problems that can't be relied on while a part is unknown because of another problem.
_CONSEQUENCES: dict[Section, set[str]] = {"apps": {"C025"}, "cornerstones": {"C012", "C029", "C058"}}
# The types of the factory can't be read, so what the cornerstone provides is unknown.
_WITHOUT_A_TYPE = {"C016", "C017"}


def without_consequences(
    problems: Sequence[Problem], uncertain: Collection[Section], cornerstones: Sequence[Cornerstone]
) -> list[Problem]:
    """Return the problems without those that follow from others, where the parts of a section are `uncertain`.

    Returns all of them where no other error would be left: one is needed to refuse the start.
    """
    places = {part.place for part in cornerstones}
    sections = {*uncertain}
    if any(problem.id in _WITHOUT_A_TYPE and problem.where in places for problem in problems):
        sections.add("cornerstones")
    left_out = {id for section in sections for id in _CONSEQUENCES[section]}
    causes = [problem for problem in problems if problem.id not in left_out]
    return causes if errors_among(causes) else list(problems)
