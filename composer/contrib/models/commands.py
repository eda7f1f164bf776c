"""`composer models`: replace a model in running servers without a restart, and show what is in use."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from composer import ComposerError
from composer.commands import SettingsPath, load_composition
from composer.contrib.models import ArtefactError, Models, read_card

commands = typer.Typer(help="Manage the models of the apps.", no_args_is_help=True)

Cornerstone = Annotated[
    str | None, typer.Option("--models", help="Name of the cornerstone; required if several are of type Models.")
]


@commands.command()
def promote(
    name: Annotated[str, typer.Argument(help="The name of the artefact to replace.")],
    file: Annotated[Path, typer.Argument(help="The new model; its card, the .json file, must be beside it.")],
    models: Cornerstone = None,
    settings: SettingsPath = None,
) -> None:
    """Validate a new model and replace an artefact with it; running servers reload it by themselves."""
    cornerstone, chosen = _models(settings, models)
    try:
        card = chosen.promote(name, file)
    except LookupError as error:
        raise ComposerError(*error.args) from error
    except OSError as error:
        raise ComposerError(f"The old model is still in use: {error}") from error
    print(f"{name} is now {card.file}. Running servers log when they use it.")
    if card.replaced:
        option = ["--models", cornerstone] if models else []
        again = ["composer", "models", "promote", *option, name, str(chosen.folder / card.replaced)]
        print(f"To roll back: {shlex.join(again)}")


@commands.command()
def show(models: Cornerstone = None, settings: SettingsPath = None) -> None:
    """List the artefacts that the apps use: the file in use, its digest, and the one to promote for a rollback."""
    chosen = _models(settings, models)[1]
    for name in chosen.expected:
        try:
            card, file = read_card(chosen.folder, name), chosen.file_in_use(name)
        except ArtefactError as error:
            print(f"{name}: {error.found} ({error.file})")
            continue
        replaced = f", replaced {card.replaced}" if card.replaced else ""
        print(f"{name}: {file.name}, SHA-256 {card.sha256}{replaced}")


def _models(settings: SettingsPath, name: str | None) -> tuple[str, Models]:
    """Return the chosen models of the composition, with the apps' expectations."""
    cornerstones = load_composition(settings).cornerstones
    models = {key: value for key, value in cornerstones.items() if isinstance(value, Models)}
    if name is None and len(models) == 1:
        [name] = models
    if name not in models:
        known = ", ".join(models) or "none"
        raise ComposerError(f"--models must name one of the cornerstones of type Models; there are: {known}")
    return name, models[name]
