"""Clients that generators make of the composition's document call the server that serves it.

`openapi-python-client` makes a Python client, `openapi-typescript` types for `openapi-fetch`; the versions of the
npm packages are pinned in `tests/clients/package-lock.json`.
"""

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from composer.contrib.auth import hash_key
from tests.blocks import BLOCK
from tests.serving import REPOSITORY, Server, serving

KEY = "a key of the tests"
MOUNTS = ["house_price", "v1_house_price", "valuation"]
NODE = [shutil.which("node"), shutil.which("npm")]


def run(command: Sequence[str], folder: Path) -> str:
    """Run a command in a folder, with this Python's own tools first on the path, and return all that it printed."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        command, cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    environment = {
        "COMPOSER_CORNERSTONES__DB__URL": f"sqlite+aiosqlite:///{folder / 'app.db'}",
        "COMPOSER_CORNERSTONES__AUTH__KEYS": json.dumps([hash_key(KEY)]),
    }
    with serving(["uvicorn", "asgi:app", "--port", "{port}"], REPOSITORY, folder / "log", environment) as running:
        running.wait_until_ready()
        yield running


@pytest.fixture(scope="module")
def document(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("document") / "openapi.json"
    file.write_bytes(httpx.get(f"{server.url}/openapi.json").raise_for_status().content)
    return file


# Python: openapi-python-client


@pytest.fixture(scope="module")
def generated(document: Path) -> Iterator[ModuleType]:
    """Give the client package that is made of the document, imported, and forget it afterwards."""
    options = ["--path", str(document), "--meta", "none", "--output-path", "made_client"]
    printed = run([sys.executable, "-m", "openapi_python_client", "generate", *options], document.parent)
    # It warns of each operation and schema that it can't express, and leaves it out.
    assert "arning" not in printed, printed
    sys.path.insert(0, str(document.parent))
    try:
        yield importlib.import_module("made_client")
    finally:
        sys.path.remove(str(document.parent))
        for name in [name for name in sys.modules if name.partition(".")[0] == "made_client"]:
            del sys.modules[name]


@pytest.fixture
def client(generated: ModuleType, server: Server) -> Iterator[Any]:
    with generated.AuthenticatedClient(server.url, KEY, prefix="", auth_header_name="token") as opened:
        yield opened


def call(operation: str, client: Any, *values: Any, **more: Any) -> Any:
    """Call `tag.operation` of the generated package, and return the answer as the client understood it."""
    return importlib.import_module(f"made_client.api.{operation}").sync(*values, client=client, **more)


def test_a_python_client_has_every_operation_of_the_document(generated: ModuleType, document: Path) -> None:
    paths = json.loads(document.read_text())["paths"]
    folder = document.parent / "made_client" / "api"
    assert len(list(folder.glob("*/[a-z]*.py"))) == sum(len(item) for item in paths.values()) > 10


def test_a_python_client_creates_and_lists_notes(client: Any) -> None:
    models = importlib.import_module("made_client.models")
    note = call("notes.create_note_post", client, body=models.NewNote(text="by Python"))
    assert isinstance(note, models.NoteView)
    assert (note.text, note.completed) == ("by Python", False)
    notes = call("notes.list_notes_get", client, limit=100)
    assert isinstance(notes, models.NoteList)
    assert note in notes.items
    assert isinstance(call("notes.read_note_id_get", client, 999_999), models.ErrorAnswer)


def test_a_python_client_creates_a_user_and_an_item(client: Any) -> None:
    models = importlib.import_module("made_client.models")
    account = models.NewUser(email="ada@example.org", password="a long passphrase")
    user = call("users.create_user_users_post", client, body=account)
    assert isinstance(user, models.UserView)
    assert user.email == "ada@example.org"
    item = call("items.create_item_users_id_items_post", client, user.id, body=models.NewItem(title="a telescope"))
    assert item == models.ItemView(id=item.id, title="a telescope", description=None, owner_id=user.id)


@pytest.mark.parametrize("mount", MOUNTS)
def test_a_python_client_predicts_with_a_key_and_is_refused_without(
    generated: ModuleType, client: Any, server: Server, mount: str
) -> None:
    models = importlib.import_module("made_client.models")
    operation, block = f"house_price.{mount}_predict_predict_post", models.Block.from_dict(BLOCK)
    prediction = call(operation, client, body=block)
    assert isinstance(prediction, models.Prediction)
    assert prediction.median_house_value > 100_000
    assert prediction.currency == "USD"
    with generated.Client(server.url) as stranger:
        refusal = call(operation, stranger, body=block)
    assert isinstance(refusal, models.ErrorAnswer)
    assert refusal.detail == "Not authenticated"


# TypeScript: openapi-typescript and openapi-fetch


@pytest.fixture(scope="module")
def printed(server: Server, document: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return what `client.ts` prints, checked against the types of the document, compiled and run."""
    if not all(NODE):
        pytest.skip("node and npm aren't installed")
    folder = tmp_path_factory.mktemp("typescript")
    shutil.copytree(REPOSITORY / "tests" / "clients", folder, dirs_exist_ok=True)
    run(["npm", "ci", "--no-audit", "--no-fund"], folder)
    tools = folder / "node_modules" / ".bin"
    # Without the option, a property with a default would be asked for in what is sent, too.
    options = ["--output", "schema.d.ts", "--default-non-nullable", "false"]
    run([str(tools / "openapi-typescript"), str(document), *options], folder)
    run([str(tools / "tsc"), "--project", "."], folder)
    return json.loads(run(["node", "made/client.js", server.url, KEY], folder))


def test_a_typescript_client_creates_and_lists_notes(printed: Any) -> None:
    assert printed["note"] == {"id": printed["note"]["id"], "text": "by TypeScript", "completed": False}
    assert printed["note"] in printed["notes"]["items"]
    assert printed["missing"] == {"detail": "Note not found"}


def test_a_typescript_client_creates_a_user_and_an_item(printed: Any) -> None:
    user, item = printed["user"], printed["item"]
    assert user["email"] == "grace@example.org"
    assert item == {"id": item["id"], "title": "a compiler", "description": None, "owner_id": user["id"]}


def test_a_typescript_client_is_refused_by_the_server_where_its_types_said_so(printed: Any) -> None:
    assert printed["refused"] == [422, 404, "number"]


def test_a_typescript_client_predicts_with_a_key_and_is_refused_without(printed: Any) -> None:
    paths = [f"/{mount.replace('v1_', 'v1/')}/predict" for mount in MOUNTS]
    assert list(printed["predictions"]) == [f"{path} USD" for path in paths]
    assert min(printed["predictions"].values()) > 100_000
    assert printed["refusals"] == dict.fromkeys(paths, 401)
