"""`python -m shared.models promote`: bring a new model into the servers that run, without a restart."""

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

import composer
from shared.models import ArtefactError, Models

commands = typer.Typer(
    name="python -m shared.models",
    help="The models of the apps that settings.toml composes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@commands.callback()
def _commands() -> None:
    """Have a command be named, though there is only one."""


@commands.command()
def promote(
    name: Annotated[str, typer.Argument(help="The name of the artefact that it replaces.")],
    file: Annotated[Path, typer.Argument(help="The new .joblib file; its card, the .json file, lies beside it.")],
) -> None:
    """Check a new model and put it in the place of an artefact; servers that run take it up by themselves."""
    try:
        models = _models()
        card = models.promote(name, file)
    except (composer.CompositionError, ArtefactError) as error:
        print(error, file=sys.stderr)
    except LookupError as error:
        print(error.args[0], file=sys.stderr)
    except OSError as error:
        print(f"the old model is still in its place: {error}", file=sys.stderr)
    else:
        print(f"{name} is {card.file} now. Servers that run say in their log when they serve it.")
        if card.replaced:
            again = shlex.join(["python", "-m", "shared.models", "promote", name, str(models.folder / card.replaced)])
            print(f"To go back: {again}")
        return
    raise typer.Exit(1)


def _models() -> Models:
    """Return the composition's models, with what its apps expect of them."""
    file = os.environ.get("COMPOSER_SETTINGS") or "settings.toml"
    plan = composer.composition_of(composer.build(file)).plan
    found = [built.value for built in plan.cornerstones if isinstance(built.value, Models)]
    if len(found) != 1:
        raise LookupError(f"{file} composes {len(found)} collections of models, and one is needed")
    return found[0]


if __name__ == "__main__":
    commands()
