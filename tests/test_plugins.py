"""Apps and cornerstones that installed packages bring: distributions with entry points, as pip leaves them."""

import os
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from importlib.metadata import Distribution
from pathlib import Path
from textwrap import dedent

import httpx
import pytest
from fastapi.testclient import TestClient

import composer
from composer._project.plugins import Plugin, installed
from tests.commands import composer as command
from tests.commands import composer_process
from tests.conftest import Project as WriteProject
from tests.serving import serving

Install = Callable[..., Path]

ADMIN = """
    from acme.cache import Cache
    from fastapi import FastAPI
    from pydantic import BaseModel

    class AdminSettings(BaseModel):
        greeting: str = "hello"

    def create_app(cache: Cache, settings: AdminSettings) -> FastAPI:
        app = FastAPI(title="Admin")

        @app.get("/")
        def greet() -> list[str]:
            return [settings.greeting, cache.url]

        return app
    """
CACHE = """
    class Cache:
        def __init__(self, url: str):
            self.url = url

    def create_cornerstone(url: str) -> Cache:
        return Cache(url)
    """
ACME = {"acme/__init__.py": "", "acme/admin.py": ADMIN, "acme/cache.py": CACHE}
ACME_ENTRIES = """
    [composer.apps]
    admin = acme.admin:create_app

    [composer.cornerstones]
    redis = acme.cache:create_cornerstone
    """
SETTINGS = """
    [cornerstones.cache]
    plugin = "redis"
    url = "redis://here"

    [apps.admin]
    plugin = "admin"
    prefix = "/office"
    settings = { greeting = "good morning" }
    """
PLAIN = "from fastapi import FastAPI\n\ndef create_app():\n    return FastAPI()\n"


@pytest.fixture
def install(tmp_path: Path, project: WriteProject, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Give what installs a distribution into a folder that this process and its children import from."""
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", str(site))

    def install(name: str, entry_points: str, files: dict[str, str], version: str = "1.0") -> Path:
        about = f"{name.replace('-', '_')}-{version}.dist-info"
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        texts = {f"{about}/METADATA": metadata, f"{about}/entry_points.txt": dedent(entry_points), **files}
        for path, text in texts.items():
            (site / path).parent.mkdir(exist_ok=True)
            (site / path).write_text(dedent(text), encoding="utf-8")
        return site

    return install


@pytest.fixture
def acme(install: Install) -> Path:
    """Install a package that brings the app `admin` and the cornerstone `redis`."""
    return install("acme", ACME_ENTRIES, ACME)


def error_of(root: Path) -> composer.CompositionError:
    with pytest.raises(composer.CompositionError) as caught:
        composer.build(root / "settings.toml")
    return caught.value


def own(plugins: list[Plugin]) -> list[tuple[str, str, str, str]]:
    """Leave out what the environment of the tests brings."""
    found = [(plugin.kind, plugin.name, plugin.package, plugin.reference) for plugin in plugins]
    return [row for row in found if "acme" in row[2]]


@pytest.mark.usefixtures("acme")
def test_what_a_package_brings_is_served_as_settings_say(project: WriteProject, tmp_path: Path) -> None:
    root = project({"settings.toml": SETTINGS})

    with serving(["composer", "serve", "--port", "{port}"], root, tmp_path / "log") as server:
        server.wait_until_ready()
        answer = httpx.get(f"{server.url}/office/")
        paths = httpx.get(f"{server.url}/openapi.json").json()["paths"]

    assert answer.json() == ["good morning", "redis://here"]
    assert "/office/" in paths


@pytest.mark.usefixtures("acme")
def test_a_plugin_stands_beside_folders_and_before_the_folder_of_its_name(project: WriteProject) -> None:
    root = project({"settings.toml": SETTINGS, "apps/notes.py": PLAIN, "apps/admin.py": f"1 / 0\n{PLAIN}"})

    app = composer.build(root / "settings.toml")

    plan = composer.composition_of(app).plan
    assert [(built.name, built.prefix, built.declared.place) for built in plan.apps] == [
        ("admin", "/office", "settings.toml [apps.admin]"),
        ("notes", "/notes", "apps/notes.py"),
    ]
    assert [built.declared.place for built in plan.cornerstones] == ["settings.toml [cornerstones.cache]"]


@pytest.mark.parametrize("reference", ["acme_site:site", "acme_site : Sites.one", "acme_site:site [extra]"])
def test_a_plugin_may_be_an_asgi_app_itself_however_its_entry_is_written(
    install: Install, project: WriteProject, reference: str
) -> None:
    site = "site = create_app()\n\n@site.get('/')\ndef hello(): return 'hello'\n\nclass Sites:\n    one = site\n"
    install("acme-site", f"[composer.apps]\nsite = {reference}\n", {"acme_site.py": f"{PLAIN}\n{site}"})

    app = composer.build(project({"settings.toml": "[apps.site]\nplugin = 'site'\n"}) / "settings.toml")

    with TestClient(app) as client:
        assert client.get("/site/").json() == "hello"


def test_nothing_is_imported_or_mounted_that_settings_do_not_name(install: Install, project: WriteProject) -> None:
    install("acme-loud", "[composer.apps]\nloud = acme_loud:create_app\n", {"acme_loud.py": "1 / 0"})
    root = project({"settings.toml": "[apps.loud]\nplugin = 'loud'\nenabled = false\n", "apps/notes.py": PLAIN})

    app = composer.build(root / "settings.toml")

    assert [built.name for built in composer.composition_of(app).plan.apps] == ["notes"]
    assert own(installed()) == [("app", "loud", "acme-loud 1.0", "acme_loud:create_app")]
    assert "acme_loud" not in sys.modules


def test_what_is_wrong_with_plugins_is_told_at_once_with_all_else(
    install: Install, project: WriteProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = "[composer.apps]\nbroken = acme_broken:create_app\ngone = acme_gone:create_app\ntwice = acme_broken:a\n"
    install("acme-broken", entries, {"acme_broken.py": "import sys\n\nsys.exit('no licence')\n"})
    install("acme-other", "[composer.apps]\ntwice = acme_other:b\n", {}, version="2.0")
    monkeypatch.setenv("COMPOSER_APPS__SEEN__PLUGIN", "twice")
    tables = [f"[apps.{name}]\nplugin = '{name}'\n" for name in ("broken", "gone", "twice")]
    root = project({"settings.toml": "\n".join(tables) + "[apps.notes]\nprefix = 'notes'\n", "apps/notes.py": PLAIN})

    error = error_of(root)

    gone = "acme-broken 1.0 points to 'acme_gone:create_app', and there is no module 'acme_gone'"
    two = "Cannot use the plugin 'twice': acme-broken 1.0 and acme-other 2.0 each provide a plugin of that name."
    assert [(problem.id, problem.where, problem.what) for problem in error.problems] == [
        ("C006", "settings.toml [apps.broken]", "Import failed: SystemExit: no licence."),
        ("C009", "settings.toml [apps.gone]", f"Cannot use the plugin 'gone': {gone}."),
        ("C009", "environment COMPOSER_APPS__SEEN__PLUGIN", two),
        ("C009", "settings.toml [apps.twice]", two),
        ("C021", "settings.toml [apps.notes]", "Invalid prefix 'notes': it does not start with '/'."),
    ]


@pytest.mark.usefixtures("acme")
def test_an_app_is_not_taken_for_a_cornerstone_of_its_name(project: WriteProject) -> None:
    root = project({"settings.toml": "[cornerstones.cache]\nplugin = 'admin'\n", "apps/notes.py": PLAIN})

    (problem,) = error_of(root).problems

    assert (problem.id, problem.where) == ("C055", "settings.toml [cornerstones.cache]")
    assert problem.what == "Plugin 'admin' for cornerstones not found."
    assert "redis" in problem.hint


def test_of_a_package_that_is_there_twice_the_first_on_the_path_counts(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = install("acme-one", "[composer.apps]\none = old:app\n", {})
    later = tmp_path / "later"
    site.rename(later)
    site.mkdir()
    install("acme-one", "[composer.apps]\none = new:app\n", {}, version="2.0")
    monkeypatch.setattr(sys, "path", [*sys.path, str(later)])

    assert own(installed()) == [("app", "one", "acme-one 2.0", "new:app")]


def test_packages_are_looked_through_only_where_a_table_names_a_plugin(
    project: WriteProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    class Finder:
        """Take part in the search for distributions, as importlib.metadata lets any finder do."""

        def find_spec(self, *_: object) -> ModuleSpec | None:
            return None

        def find_distributions(self, *_: object) -> list[Distribution]:
            asked.append(True)
            return []

    root = project({"settings.toml": "[apps.site]\nfactory = 'site_of_mine:create_app'\n", "site_of_mine.py": PLAIN})
    composer.build(root / "settings.toml")
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder()])

    composer.build(root / "settings.toml")
    assert not asked
    project({"settings.toml": "[apps.site]\nplugin = 'nothing-like-this'\n"})
    error_of(root)
    assert asked


def test_the_command_lists_what_is_installed_and_a_pipe_cuts_nothing(
    install: Install, acme: Path, project: WriteProject
) -> None:
    name = "a_name_that_is_longer_than_a_narrow_terminal_is_wide"
    install(
        "acme-long", f"[composer.apps]\n{name} = acme_long:create_app\n", {"acme_long.py": "1 / 0"}, version="2.1b1"
    )

    # Beside the package of the checkout; the folder of the installed ones is what `install` has set.
    path = os.pathsep.join([str(Path(composer.__file__).parents[1]), str(acme)])
    done = composer_process(project({}), "plugins", PYTHONPATH=path, COLUMNS="40")

    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert rows[0] == ["kind", "name", "package", "points", "to"]
    assert ["app", name, "acme-long", "2.1b1", "acme_long:create_app"] in rows
    assert ["app", "admin", "acme", "1.0", "acme.admin:create_app"] in rows
    assert ["cornerstone", "redis", "acme", "1.0", "acme.cache:create_cornerstone"] in rows


COMMAND = """
    import typer

    import composer
    from acme.cache import Cache
    from composer.commands import SettingsPath, load_composition

    commands = typer.Typer(help="Manage the cache.")

    @commands.command()
    def url(settings: SettingsPath = None) -> None:
        print(load_composition(settings).get(Cache).url)

    @commands.command()
    def fail() -> None:
        raise composer.ComposerError("the cache is away")

    number = 3
    """


@pytest.fixture
def cache_command(install: Install) -> None:
    """Install a package that brings the cornerstone `redis` and the command `cache`."""
    entries = f"{dedent(ACME_ENTRIES)}\n[composer.commands]\ncache = acme.commands:commands\nserve = acme.gone:x\n"
    install("acme", entries, ACME | {"acme/commands.py": COMMAND})


@pytest.mark.usefixtures("cache_command")
def test_a_command_of_a_package_runs_on_the_composition_and_its_errors_are_printed(project: WriteProject) -> None:
    root = project({"settings.toml": SETTINGS})

    printed = command(root, "cache", "url")
    failed = command(root, "cache", "fail")

    assert (printed.returncode, printed.stdout) == (0, "redis://here\n"), printed.stderr
    assert (failed.returncode, failed.stdout, failed.stderr) == (1, "", "the cache is away\n")


@pytest.mark.usefixtures("cache_command")
def test_a_command_of_a_package_reads_the_settings_that_its_option_names(project: WriteProject, tmp_path: Path) -> None:
    other = project({"settings.toml": SETTINGS.replace("redis://here", "redis://there")}) / "settings.toml"

    assert command(tmp_path, "cache", "url", "--settings", str(other)).stdout == "redis://there\n"


@pytest.mark.usefixtures("cache_command")
def test_help_lists_the_commands_of_packages_and_imports_none_of_them(project: WriteProject) -> None:
    shown = command(project({}), "--help").stdout

    assert "Commands of installed packages" in shown
    assert [line for line in shown.splitlines() if " cache " in line and "From acme 1.0." in line]
    assert "acme.commands" not in sys.modules
    # Its own command of that name comes first.
    assert [line for line in shown.splitlines() if " serve " in line and "Serve the composition" in line]


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ("acme_broken:commands", "ModuleNotFoundError: No module named 'nothing_like_it'"),
        ("acme_gone:commands", "there is no module 'acme_gone'"),
        ("acme.cache:Cache", "it is not a typer.Typer"),
    ],
)
def test_a_command_that_cannot_be_imported_is_named_and_all_others_run(
    install: Install, project: WriteProject, reference: str, why: str
) -> None:
    entries = f"[composer.commands]\ncache = {reference}\n"
    install("acme", entries, ACME | {"acme_broken.py": "import nothing_like_it"})
    root = project({"settings.toml": "", "apps/notes.py": PLAIN})

    broken = command(root, "cache", "url")

    assert (broken.returncode, broken.stdout) == (1, "")
    assert "command 'cache'" in broken.stderr
    assert why in broken.stderr
    assert command(root, "routes").returncode == 0
    assert " cache " in command(root, "--help").stdout


def test_two_packages_with_one_command_are_both_named(install: Install, project: WriteProject) -> None:
    install("acme-one", "[composer.commands]\ncache = acme_one:commands\n", {})
    install("acme-two", "[composer.commands]\ncache = acme_two:commands\n", {})

    done = command(project({}), "cache")

    assert done.returncode == 1
    assert "acme-one 1.0 and acme-two 1.0 each provide a plugin of that name" in done.stderr


@pytest.mark.usefixtures("cache_command")
def test_a_command_on_an_app_that_composes_nothing_says_so(project: WriteProject) -> None:
    root = project({"settings.toml": "", "asgi.py": f"{PLAIN}\napp = create_app()\n"})

    done = command(root, "cache", "url")

    assert done.returncode == 1
    assert "nothing was composed into this app" in done.stderr
