"""`contextseg train RECIPE`: train a model from a recipe or YAML file, or resume a run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from contextseg.cli.messages import show_messages
from contextseg.cli.overrides import override
from contextseg.cli.parsing import UsageError
from contextseg.config import TrainConfig
from contextseg.config.classification import ClassifierTrainConfig
from contextseg.config.io import to_yaml
from contextseg.data.wording import quoted
from contextseg.recipes import ALL_RECIPES as RECIPES
from contextseg.recipes.starting_point import starting_point
from contextseg.system.world import world_of

USAGE = """usage: contextseg train RECIPE [options]
       contextseg train --list

Train a model. RECIPE is a recipe from --list, a YAML file of options, or a run folder.

options:
  --list            list the recipes
  --data PATH       data set folder, or `shapes` for synthetic scenes
  --out DIR         run folder
  --init-from PATH  model to fine-tune, for example on other classes
  --resume          resume the run in --out from its last checkpoint
  --config FILE     YAML file of options: overrides the recipe; options override it
  --print_config    print all options as YAML and exit
  --SOME.OPTION V   any option: contextseg train RECIPE --help lists them

example:
  contextseg train encnet_mobilenetv2 --data my_images --epochs 20 --lr 0.001
  contextseg train runs/encnet_mobilenetv2 --resume
"""

EXAMPLE = """
contextseg train {recipe} --data camvid --out runs/mine --optim.lr 0.02 --epochs 10
contextseg train runs/mine --resume
"""

FLAGS = {
    "resume": "Resume the run in --out from its last checkpoint.",
    "print_config": "Print all options as YAML and exit.",
}


def main(argv: Sequence[str]) -> int:
    """Run the command with its arguments; returns the exit code."""
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE, end="", file=sys.stdout if argv else sys.stderr)
        return 0 if argv else 2
    if argv[0] == "--list":
        _print_recipes()
        return 0
    recipe, words = argv[0], argv[1:]
    if recipe.startswith("-"):
        raise UsageError(
            f"the recipe comes first: contextseg train RECIPE {' '.join(argv)}. "
            f"contextseg recipes lists them."
        )
    start = starting_point(recipe)
    config, flags = override(
        start.config,
        words,
        f"train {recipe}",
        description=_description(recipe),
        example=EXAMPLE.format(recipe=recipe),
        flags=FLAGS,
    )
    if "print_config" in flags:
        print(to_yaml(config), end="")
        return 0
    named = config.out != start.config.out or any(word.startswith("--out") for word in words)
    return _train(config, resume="resume" in flags, numbered=start.numbered and not named)


def _train(config: TrainConfig | ClassifierTrainConfig, *, resume: bool, numbered: bool) -> int:
    if not config.data.root:
        raise UsageError(
            "no data: name the folder of a data set with --data PATH"
            + (
                "."
                if isinstance(config, ClassifierTrainConfig)
                else ", or try --data shapes (synthetic scenes)."
            )
        )
    from contextseg import load, train
    from contextseg.cli.closing_words import closing_words
    from contextseg.cli.print_tables import print_class_scores, print_scores
    from contextseg.metrics.classification import ClassificationScores
    from contextseg.training.new_folder import folder_for

    show_messages()
    try:
        with folder_for(config.out, numbered=numbered, resume=resume) as out:
            config = replace(config, out=out)
            result = train(config, resume=resume)
    except KeyboardInterrupt:  # outside of the steps: before the first, or after the last
        if not (Path(config.out) / "config.yaml").is_file() or not world_of().is_first:
            raise
        return _stopped("Stopped", Path(config.out))
    if not world_of().is_first:  # the first process tells
        return 130 if result.interrupted else 0
    if result.interrupted:
        return _stopped(f"Stopped at step {result.steps}", result.folder)
    if result.scores is not None:
        names = load(result.folder).classes.names
        title = f"Validation, {config.data.val_split}"
        if isinstance(result.scores, ClassificationScores):
            print_class_scores(result.scores, names, title=title)
        else:
            print_scores(result.scores, names, title=title)
    print(closing_words(config, result.folder))
    return 0


def _stopped(what: str, folder: Path) -> int:
    print(f"{what}. Resume with:\n  contextseg train {quoted(folder)} --resume", file=sys.stderr)
    return 130


def _description(recipe: str) -> str:
    if recipe in RECIPES:
        text = RECIPES[recipe].__doc__ or ""
        return "\n".join(line.strip() for line in text.strip().splitlines())
    return f"Train with the options in {recipe}."


def _print_recipes() -> None:
    from contextseg.cli.recipes import print_recipes

    print_recipes(RECIPES)
