"""What took how long until everything was up, as bars side by side; and who is late, while it starts."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.text import Text

from composer._cli.show import err
from composer._model import Step

# Parts that have a row of their own: those that took longest.
ROWS: Final = 30
# Characters of a bar: the least, and the most that a wide terminal gets; a long name is cut at its own.
BAR, WIDE_BAR, NAME = 20, 60, 26
# What a bar is drawn with, and its colour; where the terminal knows no blocks, the phase's first letter.
MARKS: Final = {"import": ("░", "blue"), "build": ("▒", "magenta"), "start": ("█", "green")}

# Seconds after which a start is told of for the first time; each pause is then as long as what has passed.
LATE: Final = 1.0
# Seconds between two looks, and the parts that one line names.
LOOK: Final = 0.1
NAMED: Final = 5
DOING: Final = {"import": "importing", "build": "building", "start": "starting"}

Phases = dict[str, Step]


def show_waterfall(steps: Sequence[Step], console: Console = err) -> None:
    """Print what took how long, in milliseconds and as bars, from the first import to the last start."""
    rows: dict[str, Phases] = {}
    for step in steps:
        rows.setdefault(f"{step.kind} {step.name}", {})[step.phase] = step
    if not rows:
        return
    first, last = min(step.begun for step in steps), max(step.begun + step.seconds for step in steps)
    for line in _lines(_slowest(rows), first, last - first, console):
        console.print(line, soft_wrap=True)
    left = f" {len(rows) - ROWS} parts that took less are not shown." if len(rows) > ROWS else ""
    console.print(
        f"All was up {_ms(last - first)} ms after the first import began.{left}", highlight=False, soft_wrap=True
    )


def _slowest(rows: Mapping[str, Phases]) -> dict[str, Phases]:
    """Leave out those that took least, and keep the others in their order."""
    took = {name: sum(step.seconds for step in phases.values()) for name, phases in rows.items()}
    kept = set(sorted(rows, key=lambda name: -took[name])[:ROWS])
    return {name: phases for name, phases in rows.items() if name in kept}


def _lines(rows: Mapping[str, Phases], first: float, whole: float, console: Console) -> Iterator[Text]:
    """Lay out the heading and a line for each part."""
    names = min(max(len(name) for name in ["milliseconds", *rows]), NAME)
    marks = {phase: phase[0] if console.options.ascii_only else mark for phase, (mark, _) in MARKS.items()}
    columns = [f"{marks[phase]} {phase}" for phase in MARKS]
    heading = f"{'milliseconds':{names}} {'from':>6} {columns[0]:>8} {columns[1]:>7} {columns[2]:>7}  "
    yield Text(heading)
    width = max(BAR, min(console.width - len(heading), WIDE_BAR))
    for name, phases in rows.items():
        begun = _ms(min(step.begun for step in phases.values()) - first)
        took = {phase: _ms(phases[phase].seconds) if phase in phases else "" for phase in MARKS}
        numbers = f"{begun:>6} {took['import']:>8} {took['build']:>7} {took['start']:>7}  "
        yield Text(f"{name[:names]:{names}} {numbers}").append_text(
            _bar(phases, first, whole / width or 1, width, marks)
        )


def _bar(phases: Phases, first: float, mark: float, width: int, marks: Mapping[str, str]) -> Text:
    """Draw what one part took, `mark` seconds for each mark; what is too short for one has one all the same."""
    bar = Text()
    for phase, step in phases.items():
        begin = min(int((step.begun - first) / mark), width - 1)
        end = max(min(round((step.begun + step.seconds - first) / mark), width), begin + 1)
        # Two short steps may share a place, and the first has it.
        bar.append(" " * (begin - len(bar)))
        bar.append(marks[phase] * (end - len(bar)), MARKS[phase][1])
    return bar


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f}"


@contextmanager
def report_slow_parts(steps: Callable[[], Iterable[Step]]) -> Iterator[None]:
    """Print who is still imported, built or starting, from a thread: what blocks the event loop is named too."""
    over = threading.Event()
    thread = threading.Thread(target=_report_slow_parts, args=(steps, over), name="telling who is late", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _report_slow_parts(steps: Callable[[], Iterable[Step]], over: threading.Event) -> None:
    told = LATE
    while not over.wait(LOOK):
        late = [step for step in steps() if not step.over]
        longest = max((step.seconds for step in late), default=0)
        if longest < told:
            # The one that was told of last may be up, and another one late.
            told = max(LATE, min(told, 2 * longest))
        else:
            show_slow_parts([step for step in late if step.seconds >= LATE])
            told = 2 * longest


def show_slow_parts(late: Sequence[Step], console: Console = err) -> None:
    """Print which parts are still at it, those first that began first."""
    doing = DOING[late[0].phase]
    told = [f"{step.name} ({step.seconds:.0f} s)" for step in sorted(late, key=lambda step: step.begun)]
    more = [f"and {len(told) - NAMED} more"] if len(told) > NAMED else []
    console.print(Text(f"still {doing}: {', '.join([*told[:NAMED], *more])}"), soft_wrap=True)
