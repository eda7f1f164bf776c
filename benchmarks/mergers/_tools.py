"""The four mergers, each with the options that help it most, run as a process of its own."""

import json
import os
import re
import shutil
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from benchmarks.mergers._documents import METHODS, Json, Source, paths
from composer.openapi import merge_openapi

REPOSITORY = Path(__file__).parents[2]

# What a process of ours does; the npm tools, too, read the files, merge, and write one.
PROCESS = """
import json, pathlib, sys, time
from benchmarks.mergers import _tools
names = sys.argv[2:]
sources = [(name, f"/{name}", json.loads(pathlib.Path(f"{name}.json").read_bytes())) for name in names]
start = time.perf_counter()
merged = getattr(_tools, sys.argv[1])(sources)
print(time.perf_counter() - start)
pathlib.Path("out.json").write_text(json.dumps(merged))
"""


@dataclass(frozen=True)
class Attempt:
    """Hold what a merger made of a set: a document, or the reason why not, and how long it took.

    `seconds` is the time of the whole process, `inside` that of the merge alone where it can be told; `needed`
    says which help the tool needed.
    """

    merged: Json | None
    reason: str = ""
    seconds: float = 0.0
    inside: float | None = None
    needed: str = ""


Tool = Callable[[Sequence[Source], Path], Attempt]


def merge_ours(sources: Sequence[Source]) -> Json:
    """Merge with composer; references into other files, which are left as they are, are no news here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return merge_openapi(sources, title="All", version="1")


def merge_by_update(sources: Sequence[Source]) -> Json:
    """Merge as people write it by hand: prefixed paths, and each section of the components updated."""
    merged = deepcopy(sources[0][2])
    merged["paths"] = {}
    for _, prefix, document in sources:
        merged["paths"].update({prefix + path: item for path, item in paths(document).items()})
        for section, parts in document.get("components", {}).items():
            merged.setdefault("components", {}).setdefault(section, {}).update(parts)
    tags = {tag["name"]: tag for _, _, document in sources for tag in document.get("tags", [])}
    return {**merged, "tags": list(tags.values())}


def composer(sources: Sequence[Source], folder: Path) -> Attempt:
    """Run `merge_openapi` as a process."""
    return _python("merge_ours", sources, folder)


def update(sources: Sequence[Source], folder: Path) -> Attempt:
    """Run the dictionary update as a process."""
    return _python("merge_by_update", sources, folder)


def redocly(sources: Sequence[Source], folder: Path) -> Attempt:
    """Run `redocly join`, with as little help as it takes: none, prefixes, then operation ids fixed beforehand.

    It can't put paths under a prefix, so the documents that it gets have theirs prefixed already.
    """
    command = [str(_bin("redocly")), "join", *(f"{name}.json" for name, _, _ in sources), "-o", "out.json"]
    prefixes = ["--prefix-components-with-info-prop", "x-name", "--prefix-tags-with-filename"]
    prepared = [(name, prefix, prefixed(name, document)) for name, prefix, document in sources]
    plain = _attempt(command, prepared, folder)
    if plain.merged is not None:
        return plain
    helped = _attempt([*command, *prefixes], prepared, folder, "prefixes")
    if helped.merged is not None or "operationIds" not in helped.reason:
        return helped
    unique = with_unique_ids(prepared)
    return _attempt([*command, *prefixes], unique, folder, "prefixes, and operation ids fixed by hand")


def openapi_merge(sources: Sequence[Source], folder: Path) -> Attempt:
    """Run `openapi-merge-cli`, with a prefix for the paths and for what it finds to be in dispute."""
    inputs = [
        {"inputFile": f"{name}.json", "pathModification": {"prepend": prefix}, "dispute": {"prefix": f"{name}_"}}
        for name, prefix, _ in sources
    ]
    (folder / "openapi-merge.json").write_text(json.dumps({"inputs": inputs, "output": "out.json"}))
    return _attempt([str(_bin("openapi-merge-cli")), "--config", "openapi-merge.json"], sources, folder)


TOOLS: dict[str, Tool] = {
    "composer": composer,
    "`@redocly/cli join` 2.77.0": redocly,
    "`openapi-merge-cli` 2.0.2": openapi_merge,
    "dictionary update": update,
}


def install(folder: Path) -> None:
    """Install the npm tools into a folder, and let them be found there.

    Raises:
        subprocess.CalledProcessError: npm failed.
    """
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(Path(__file__).parent / name, folder)
    subprocess.run(["npm", "ci", "--silent"], cwd=folder, check=True)  # noqa: S607
    os.environ["PATH"] = os.pathsep.join([str(folder / "node_modules" / ".bin"), os.environ["PATH"]])


def prefixed(name: str, document: Json) -> Json:
    """Return the document with its paths under its name, references into the paths following."""
    moved = {f"/{name}{path}": item for path, item in paths(document).items()}
    changed = {**document, "info": {**document["info"], "x-name": name}, "paths": moved}
    result: Json = json.loads(json.dumps(changed).replace('"#/paths/~1', f'"#/paths/~1{name}~1'))
    return result


def with_unique_ids(sources: Sequence[Source]) -> list[Source]:
    """Return the sources with the document's name before each operation id that another has, too, links following."""
    found = Counter(each for _, _, document in sources for each in set(operation_ids(document)))
    return [(name, prefix, _mend(name, document, found)) for name, prefix, document in sources]


def operation_ids(document: Json) -> Counter[str]:
    """Return the operation ids of a document, and how often each is there."""
    found = [item[method] for item in paths(document).values() for method in METHODS & item.keys()]
    return Counter(operation["operationId"] for operation in found if "operationId" in operation)


def _mend(name: str, document: Json, found: Counter[str]) -> Json:
    text = re.sub(
        r'("operationId": ")([^"]+)"',
        lambda match: f'{match[1]}{name}_{match[2]}"' if found[match[2]] > 1 else match[0],
        json.dumps(document),
    )
    result: Json = json.loads(text)
    return result


def _bin(name: str) -> Path:
    return Path(shutil.which(name) or name)


def _python(function: str, sources: Sequence[Source], folder: Path) -> Attempt:
    names = [name for name, _, _ in sources]
    return _attempt([sys.executable, "-c", PROCESS, function, *names], sources, folder)


def _attempt(command: Sequence[str], sources: Sequence[Source], folder: Path, needed: str = "") -> Attempt:
    """Write the sources' documents, run a command beside them, and read what it has written."""
    for name, _, document in sources:
        (folder / f"{name}.json").write_text(json.dumps(document))
    out = folder / "out.json"
    out.unlink(missing_ok=True)
    quiet = {"NO_COLOR": "1", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "REDOCLY_TELEMETRY": "off"}
    environment = os.environ | quiet | {"PYTHONPATH": str(REPOSITORY)}
    start = perf_counter()
    done = subprocess.run(  # noqa: S603
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    seconds = perf_counter() - start
    if done.returncode or not out.exists():
        return Attempt(None, reason(done.stdout + done.stderr), seconds, needed=needed)
    inside = float(done.stdout) if command[0] == sys.executable else None
    return Attempt(json.loads(out.read_bytes()), "", seconds, inside, needed)


def reason(printed: str) -> str:
    """Return why a tool refused, in its own words, without what differs from set to set."""
    if conflicts := re.findall(r"Conflict on (?:paths => (?=operationIds))?(\w+)", printed):
        return f"Conflict on {', '.join(sorted(set(conflicts)))}"
    lines = [line.strip() for line in printed.splitlines() if re.search(r"^[^│║]*[a-z]", line)]
    told = [line for line in lines if re.search(r"^(?!at ).*(error|must|join will not)", line, re.IGNORECASE)]
    first = re.split(r", but |\. |: \S*\.json", (told or lines or ["no message"])[-1])[0]
    return re.sub(r"\S*/\S*", "…", first)[:160]
