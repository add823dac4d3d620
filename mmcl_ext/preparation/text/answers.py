"""The answers that an extraction of text features has kept as text."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

ANSWERS = 'answers.jsonl'
"""Name of the file beside the features, one JSON object with ``name`` and ``text`` a line."""


def read_answers(folder: str | os.PathLike) -> dict[str, str]:
    """Read the answers of an extraction's folder, or of the file itself, by sample name.

    A FileNotFoundError if there is no such file; a ValueError if a line holds something else, which
    names file and line.
    """
    path = Path(folder) / ANSWERS if Path(folder).is_dir() else Path(folder)
    if not path.is_file():
        raise FileNotFoundError(f'no answers at {path}')
    answers: dict[str, str] = {}
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            entry = json.loads(line)
            name, text = entry['name'], entry['text']
        except (ValueError, LookupError, TypeError, RecursionError):
            name = text = None
        if not isinstance(name, str) or not isinstance(text, str):
            raise ValueError(f'{path}, line {number}: no object with a name and a text')
        answers[name] = text
    return answers


def side_by_side(
    answers: Mapping[str, Mapping[str, str]], names: Sequence[str] | None = None, num: int = 4
) -> dict[str, dict[str, str]]:
    """Arrange answers, by model and sample, as answers by sample and model.

    ``names`` chooses the samples; None takes the first ``num`` that every model was asked about. A
    ValueError if no sample has an answer of every model, or a named one lacks one.
    """
    models = list(answers)
    common = [name for name in answers[models[0]] if all(name in answers[m] for m in models)]
    if names is None:
        names = common[:num]
    for model in models:
        lacking = [name for name in names if name not in answers[model]]
        if lacking:
            raise ValueError(f'{model} has no answer about {lacking[0]!r}')
    if not names:
        raise ValueError(f'{", ".join(models)}: no sample that all were asked about')
    return {name: {model: answers[model][name] for model in models} for name in names}
