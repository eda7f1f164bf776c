"""`python -m composer.contrib.models promote`: replace a model in running servers, without a restart."""

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

import composer
from composer.contrib.models import ArtefactError, Models

commands = typer.Typer(
    name="python -m composer.contrib.models",
    help="Manage the models of the apps in settings.toml.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@commands.callback()
def _commands() -> None:
    """Require the name of the command, though there is only one."""


@commands.command()
def promote(
    name: Annotated[str, typer.Argument(help="The name of the artefact to replace.")],
    file: Annotated[Path, typer.Argument(help="The new .joblib file; its card, the .json file, must be beside it.")],
) -> None:
    """Validate a new model and replace an artefact with it; running servers reload it by themselves."""
    try:
        models = _models()
        card = models.promote(name, file)
    except (composer.CompositionError, ArtefactError) as error:
        print(error, file=sys.stderr)
    except LookupError as error:
        print(error.args[0], file=sys.stderr)
    except OSError as error:
        print(f"The old model is still in use: {error}", file=sys.stderr)
    else:
        print(f"{name} is now {card.file}. Running servers log when they use it.")
        if card.replaced:
            again = shlex.join(
                ["python", "-m", "composer.contrib.models", "promote", name, str(models.folder / card.replaced)]
            )
            print(f"To roll back: {again}")
        return
    raise typer.Exit(1)


def _models() -> Models:
    """Return the composition's models, with the apps' expectations."""
    file = os.environ.get("COMPOSER_SETTINGS") or "settings.toml"
    plan = composer.composition_of(composer.build(file)).plan
    found = [built.value for built in plan.cornerstones if isinstance(built.value, Models)]
    if len(found) != 1:
        raise LookupError(f"{file} has {len(found)} cornerstones of type Models; exactly one is required")
    return found[0]


if __name__ == "__main__":
    commands()
