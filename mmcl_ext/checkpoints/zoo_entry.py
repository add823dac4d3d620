"""An entry of a zoo: how it is made, and the check of its file, its card and its numbers."""

import os
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from mmcl_ext.checkpoints.load import load_deployed
from mmcl_ext.checkpoints.model_card import METRICS, model_card, named_metrics
from mmcl_ext.checkpoints.publish import publish
from mmcl_ext.fileio.zoo import INDEX, PREFIX, VARIABLE, ZooModel, load_zoo

MAX_MODELS = 4
MAX_BYTES = 3 * 2**20
_COMMAND = r'python tools/test\.py {name} --store [\w./-]+ --split \w+'
_PRINTED = re.compile(r'acc/(\w+): (\d+\.\d+)')


def check_files(model: ZooModel, root: Path) -> Iterator[str]:
    """Yield what is wrong with file, card and list of an entry, whose configuration is in a tree.

    Nothing is run but the building of the network, which the file describes.
    """
    try:
        model.check_file()
        _, info = load_deployed(model.weights)
    except (OSError, ValueError) as error:
        yield str(error)
        return
    size, digits = model.weights.stat().st_size, model.sha256[:8]
    if size > MAX_BYTES:
        yield f'{model.weights.name} has {size} bytes, at most {MAX_BYTES} are allowed'
    if not model.weights.name.endswith(f'-{digits}.safetensors'):
        yield f'{model.weights.name} does not end in -{digits}.safetensors'
    if not (root / model.config).is_file():
        yield f'there is no configuration {model.config}'
    for key, listed in dict(
        config=model.config.removeprefix('configs/'), license=model.license
    ).items():
        if info.recipe.get(key) != listed:
            yield f'the {key} listed is {listed!r}, that of the file {info.recipe.get(key)!r}'
    if named_metrics(info) != dict(model.metrics):
        yield f'the metrics listed are {dict(model.metrics)}, those of the file differ'
    yield from _check_card(model)


def _check_card(model: ZooModel) -> Iterator[str]:
    if not model.card.is_file():
        yield f'there is no card {model.card}'
        return
    text = model.card.read_text(encoding='utf-8')
    shown = {f'| {key} | {value:.2f} |' for key, value in model.metrics.items()}
    for part in sorted({model.sha256, model.test, PREFIX + model.name, *shown}):
        if part not in text:
            yield f'{model.card.name} does not have {part!r}'


def _test_words(model: ZooModel) -> list[str]:
    """Return the words of the test command, which may be a test of this model and nothing else."""
    if not re.fullmatch(_COMMAND.format(name=re.escape(PREFIX + model.name)), model.test):
        raise ValueError(
            f'the test of {model.name} has the form python tools/test.py {PREFIX}{model.name} '
            f'--store FILE --split NAME, got {model.test!r}'
        )
    return [sys.executable, *shlex.split(model.test)[1:]]


def run_test(model: ZooModel, root: Path, work_dir: Path) -> dict[str, float]:
    """Run the test command of an entry in a source tree and return its metrics in per cent.

    A ValueError if it is another command than a test, a RuntimeError if it has failed.
    """
    words = _test_words(model)
    store = words[words.index('--store') + 1]
    if not (root / store).is_file():
        raise FileNotFoundError(f'there is no {store}: dataset-index.yml has the command for it')
    words += ['--work-dir', str(work_dir.absolute())]
    env = {**os.environ, VARIABLE: str(model.weights.parent.absolute())}
    done = subprocess.run(words, cwd=root, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).rpartition('\n')[2]
        raise RuntimeError(f'{model.test!r} ended with status {done.returncode}: {last}')
    found = dict(_PRINTED.findall(done.stdout + done.stderr))
    return {name: 100 * float(found[key]) for key, name in METRICS.items() if key in found}


def differing_metrics(model: ZooModel, found: dict[str, float], tolerance: float) -> Iterator[str]:
    """Yield a line for each listed number that the test has not given again.

    ``tolerance`` is the largest difference in points of per cent.
    """
    for name, listed in model.metrics.items():
        value = found.get(name)
        if value is None:
            yield f'{name}: the test does not print it, listed is {listed:.2f}'
        elif not abs(value - listed) <= tolerance:  # NaN is no result
            yield f'{name}: {value:.2f}, listed is {listed:.2f}'


def add_entry(
    folder: Path,
    name: str,
    config: str,
    checkpoint: str,
    recipe: dict[str, Any],
    *,
    test_on: tuple[str, str],
    root: Path,
    work_dir: Path,
) -> ZooModel:
    """Publish a checkpoint in a zoo with half weights, test it, and write its card and its entry.

    ``config`` is that of the training, ``configs/...``, in the tree ``root``; the ``recipe`` says
    the origin: ``license``, and ``commit`` if known; ``test_on`` are store and split of the test. A
    ValueError if the name is taken, or one of the files is wrong.
    """
    if not re.fullmatch(r'[a-z0-9_]+', name) or name in load_zoo(folder):
        raise ValueError(f'{name!r} is taken, or has other characters than a-z, 0-9 and _')
    out = (folder / name).with_suffix('.safetensors')
    store, split = test_on
    test = f'python tools/test.py {PREFIX}{name} --store {store} --split {split}'
    draft = publish(root / config, checkpoint, work_dir / out.name, recipe, half=True)
    with_entry = ZooModel(
        name, draft.path, draft.sha256, out.with_suffix('.md'), config, test, {}, recipe['license']
    )
    write_list(work_dir / INDEX, [_entry(with_entry, store, root)])
    found = run_test(with_entry, root, work_dir)
    metrics = {key: round(found[title], 2) for key, title in METRICS.items() if title in found}
    final = publish(draft.path, None, out, {'metrics': metrics})
    measured = named_metrics(final.info)
    model = replace(with_entry, weights=final.path, sha256=final.sha256, metrics=measured)
    card = model_card(final.info, PREFIX + name, final.sha256, test)
    model.card.write_text(card, encoding='utf-8')
    with (folder / INDEX).open('a', encoding='utf-8') as file:
        file.write(_as_yaml([_entry(model, store, root)]))
    return model


def write_list(path: Path, entries: list[dict[str, Any]]) -> None:
    """Write a list of models anew."""
    path.write_text('Models:\n' + _as_yaml(entries), encoding='utf-8')


def _as_yaml(entries: list[dict[str, Any]]) -> str:
    text = yaml.safe_dump(entries, sort_keys=False, allow_unicode=True, width=200)
    return textwrap.indent(text, '  ')


def _entry(model: ZooModel, store: str, root: Path) -> dict[str, Any]:
    data = yaml.safe_load((root / 'dataset-index.yml').read_text(encoding='utf-8'))
    dataset = next((d['Name'] for d in data.values() if d['Store'] == store), Path(store).stem)
    result = dict(
        Task='Skeleton-based Action Recognition', Dataset=dataset, Metrics=dict(model.metrics)
    )
    return dict(
        Name=model.name,
        Config=model.config,
        Weights=model.weights.name,
        SHA256=model.sha256,
        Card=model.card.name,
        Test=model.test,
        License=model.license,
        Results=[result],
    )
