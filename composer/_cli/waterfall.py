"""How long each part takes to start: bars side by side once all is up, and which parts are slow before that."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.text import Text

from composer._cli.show import err
from composer._model import Step

# The parts that took longest get a row each.
ROWS: Final = 30
# Columns: the narrowest bar, the widest one, and the widest name.
BAR, WIDE_BAR, NAME = 20, 60, 26
# The mark and the colour of each phase; a terminal without block elements gets the first letters.
MARKS: Final = {"import": ("░", "blue"), "build": ("▒", "magenta"), "start": ("█", "green")}

# Seconds before the first report; each later one comes after twice the time.
SLOW: Final = 1.0
# Seconds between two looks, and how many parts one line names.
INTERVAL: Final = 0.1
NAMED: Final = 5
VERBS: Final = {"import": "importing", "build": "building", "start": "starting"}


def show_waterfall(steps: Sequence[Step], console: Console = err) -> None:
    """Print how long each phase of each part took, in milliseconds and as bars, from the first import on."""
    rows: dict[str, list[Step]] = {}
    for step in steps:
        rows.setdefault(f"{step.kind} {step.name}", []).append(step)
    if not rows:
        return
    first, last = min(step.begun for step in steps), max(step.begun + step.seconds for step in steps)
    slowest = sorted(rows, key=lambda name: -sum(step.seconds for step in rows[name]))[:ROWS]
    names = min(max(map(len, ["milliseconds", *slowest])), NAME)
    marks = {phase: phase[0] if console.options.ascii_only else mark for phase, (mark, _) in MARKS.items()}
    heading = f"{'milliseconds':{names}} {'from':>6} {' '.join(f'{marks[phase]} {phase}' for phase in MARKS)}  "
    console.print(Text(heading), soft_wrap=True)
    width = max(BAR, min(console.width - len(heading), WIDE_BAR))
    scale = (last - first) / width or 1
    for name in (name for name in rows if name in slowest):
        took: dict[str, str] = {step.phase: _ms(step.seconds) for step in rows[name]}
        numbers = " ".join(f"{took.get(phase, ''):>{len(phase) + 2}}" for phase in MARKS)
        line = Text(f"{name[:names]:{names}} {_ms(rows[name][0].begun - first):>6} {numbers}  ")
        bar = Text()
        for step in rows[name]:
            begin = min(int((step.begun - first) / scale), width - 1)
            # Even the shortest step gets a mark, unless the one before it has that place.
            end = max(min(round((step.begun + step.seconds - first) / scale), width), begin + 1)
            bar.append(" " * (begin - len(bar))).append(marks[step.phase] * (end - len(bar)), MARKS[step.phase][1])
        console.print(line.append_text(bar), soft_wrap=True)
    hidden = f" {len(rows) - ROWS} faster parts are not shown." if len(rows) > ROWS else ""
    console.print(f"Ready in {_ms(last - first)} ms from the first import.{hidden}", highlight=False, soft_wrap=True)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f}"


@contextmanager
def report_slow_parts(steps: Callable[[], Iterable[Step]]) -> Iterator[None]:
    """Print the parts that are still importing, building or starting, from a thread: they may block the event loop."""
    over = threading.Event()
    thread = threading.Thread(target=_report_slow_parts, args=(steps, over), name="report slow parts", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _report_slow_parts(steps: Callable[[], Iterable[Step]], over: threading.Event) -> None:
    threshold = SLOW
    while not over.wait(INTERVAL):
        pending = [step for step in steps() if not step.over]
        longest = max((step.seconds for step in pending), default=0)
        if longest >= threshold:
            show_slow_parts([step for step in pending if step.seconds >= SLOW])
            threshold = 2 * longest
        else:
            # The part that was reported last may be up, and another one slow.
            threshold = max(SLOW, min(threshold, 2 * longest))


def show_slow_parts(slow: Sequence[Step], console: Console = err) -> None:
    """Print which parts are not yet ready, in the order in which they began."""
    names = [f"{step.name} ({step.seconds:.0f} s)" for step in sorted(slow, key=lambda step: step.begun)]
    more = [f"and {len(names) - NAMED} more"] if len(names) > NAMED else []
    text = f"still {VERBS[slow[0].phase]}: {', '.join([*names[:NAMED], *more])}"
    console.print(Text(text), soft_wrap=True)
