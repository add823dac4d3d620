"""The page that goes with a published model: Markdown, with the front matter of Hugging Face."""

from typing import Any

import yaml

from mmcl_ext.checkpoints.model_info import ModelInfo
from mmcl_ext.fileio.printable import counted, name_list, printable

METRICS = {
    'top1': 'Top 1 Accuracy',
    'top5': 'Top 5 Accuracy',
    'mean1': 'Mean Class Accuracy',
}
"""Names in lists and cards of what ``tools/test.py`` prints as ``acc/top1`` and so on."""

_LICENSES = ('apache-2.0', 'mit', 'bsd-3-clause', 'cc-by-4.0', 'cc-by-nc-4.0', 'cc0-1.0')


def model_card(info: ModelInfo, name: str, sha256: str, test: str = '') -> str:
    """Write the card of a published model from its description.

    ``name`` is what :meth:`MMCLInferencer.from_pretrained` takes, ``test`` the command line that
    measured the metrics of the description.
    """
    front = yaml.safe_dump(front_matter(info, name), sort_keys=False, allow_unicode=True, width=200)
    metrics = named_metrics(info)
    parts = [f'---\n{front}---\n', f'# {_cell(name)}\n', _table(info, sha256), _usage(name)]
    if metrics:
        parts.append(_results(metrics, test))
    parts.append(f'## Classes\n\n{name_list([_cell(item) for item in info.classes], 10_000)}\n')
    return '\n'.join(parts)


def front_matter(info: ModelInfo, name: str) -> dict[str, Any]:
    """Return the metadata that Hugging Face reads, with the results as ``model-index``."""
    given = str(info.recipe.get('license', 'unknown'))
    known = given.lower() in _LICENSES
    license_ = dict(license=given.lower()) if known else dict(license='other', license_name=given)
    front: dict[str, Any] = dict(
        library_name='mmcl_ext',
        pipeline_tag='video-classification',
        tags=['skeleton-based-action-recognition', 'mmcl_ext', info.backbone],
        **license_,
    )
    values = [
        dict(type='accuracy', name=metric, value=value)
        for metric, value in named_metrics(info).items()
    ]
    if values:
        dataset = str(info.recipe.get('dataset', 'unknown')).partition('.')[0]
        data = dict(name=dataset, type=dataset, split=str(info.recipe.get('split', 'unknown')))
        task = dict(type='video-classification', name='Skeleton-based Action Recognition')
        index = dict(name=name, results=[dict(task=task, dataset=data, metrics=values)])
        front['model-index'] = [index]
    return front


def named_metrics(info: ModelInfo) -> dict[str, float]:
    """Return the metrics of a description under the names of lists and cards."""
    found = info.recipe.get('metrics') or {}
    return {METRICS.get(key, str(key)): float(value) for key, value in found.items()}


def _table(info: ModelInfo, sha256: str) -> str:
    recipe = info.recipe
    frames = counted(info.window, 'frame') if info.window else 'as many frames as the clip has'
    rows = {
        'network': info.backbone,
        'input': f'{info.stream}, {frames}, {counted(info.num_person, "person")}, {info.layout}',
        'configuration': recipe.get('config', 'unknown'),
        'data': f'{recipe.get("dataset", "unknown")}, tested on {recipe.get("split", "unknown")}',
        'commit': recipe.get('commit', 'unknown'),
        'licence': recipe.get('license', 'unknown'),
        'weights': recipe.get('weights', 'float32'),
        'SHA-256': sha256,
    }
    lines = [f'| {key} | {_cell(value)} |' for key, value in rows.items()]
    return '\n'.join(['| | |', '|---|---|', *lines, ''])


def _usage(name: str) -> str:
    return (
        'The file holds weights and their description, no code.\n\n## Use\n\n```python\n'
        'from mmcl_ext import MMCLInferencer\n\n'
        f'inferencer = MMCLInferencer.from_pretrained({name!r})\n'
        "[result] = inferencer('clip.npy')\n```\n"
    )


def _results(metrics: dict[str, float], test: str) -> str:
    rows = [f'| {_cell(metric)} | {value:.2f} |' for metric, value in metrics.items()]
    command = f'\nMeasured by:\n\n```bash\n{test}\n```\n' if test else ''
    return '\n'.join(['## Result', '', '| metric | % |', '|---|---|', *rows, command])


def _cell(value: object) -> str:
    return printable(str(value)).replace('|', '\\|')
