"""The demonstration: synthetic data, two trainings, a test from the skeleton alone, a picture."""

import copy
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mmengine.registry import DefaultScope

from mmcl_ext.ablation.campaign import Campaign
from mmcl_ext.ablation.declaration import Variant
from mmcl_ext.ablation.environment import describe_environment, job_environments
from mmcl_ext.ablation.run import Launch, Run
from mmcl_ext.analysis.complexity import build_deployed
from mmcl_ext.config.load_config import load_config
from mmcl_ext.config.walk import map_texts
from mmcl_ext.evaluation.accuracy import mean_class_accuracy
from mmcl_ext.evaluation.score_files import read_scores
from mmcl_ext.evaluation.scores import Scores, to_probabilities
from mmcl_ext.evaluation.text_table import format_table
from mmcl_ext.fileio.atomic_file import write_bytes
from mmcl_ext.preparation.composites.composite import make_composite
from mmcl_ext.registry import MODELS
from mmcl_ext.synthetic.synthetic_data import SyntheticData
from mmcl_ext.synthetic.write_synthetic_data import SyntheticVideoSource, write_synthetic_data
from mmcl_ext.visualization.prediction_figure import Prediction, draw_predictions, save_figure

CONFIG_DATA = 'data/demo'
"""Folder of the data in the demo configurations."""

_LOGGED = [
    dict(data_src=name, window_size='epoch', method_name='mean') for name in ('loss', 'top1_acc')
]
"""What the log tells of an epoch is the mean over it."""

_NOTICE = (
    'The data are synthetic: parametric people, drawn with OpenCV. The texts are the answers of '
    "the scenes' own annotation; no language model was asked."
)


class TestedModel(NamedTuple):
    """Scores of the tested model, its parameters, and those that only its training needed."""

    scores: Scores
    deployed_parameters: int
    training_parameters: int


@dataclass(frozen=True)
class Demo:
    """The demonstration: an ablation on data that it makes into ``root``.

    ``configs`` has the configuration file of each model by its title for the reader, the baseline
    first; ``tools`` is the folder of ``train.py`` and ``test.py``. All trainings have the same seed
    and override the same ``options`` (dotted keys); as many ``jobs`` draw the data or train at a
    time.
    """

    configs: Mapping[str, Path]
    tools: Path
    root: Path
    work_dir: Path
    data: SyntheticData = field(default_factory=SyntheticData)
    seed: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)
    jobs: int = 1

    def run(self) -> None:
        """Make the data, train, test and show; what is finished already is not done again.

        A RuntimeError if a training or a test has failed.
        """
        print(_NOTICE, flush=True)
        write_synthetic_data(self.root, self.data, jobs=self.jobs)
        runs = [self._plan(title, config) for title, config in self.configs.items()]
        self._execute(runs)
        models = {run.variant.title: self._read(run) for run in runs}
        print(f'\n{describe(models, self.data)}')
        picture = self.work_dir / 'demo.png'
        save_figure(self._draw(models), picture)
        print(f'\nPicture: {picture}')

    def _plan(self, title: str, config: Path) -> Run:
        options: dict[str, Any] = {
            'amp': False,  # the same table on every processor
            'log_processor.custom_cfg': _LOGGED,
            'data_recipe': self.data.recipe,
        }
        options |= self.options
        options |= relocate(load_config(config, options), CONFIG_DATA, str(self.root))
        variant = Variant(f'{config.parent.name}_{config.stem}', title, config, options)
        return Run(variant, self.seed, self.work_dir / 'runs', Launch(self.tools))

    def _execute(self, runs: list[Run]) -> None:
        for run in runs:
            if run.result:
                print(f'{run.variant.title}: already trained, {run.folder}', file=sys.stderr)
        jobs = min(self.jobs, len(runs))
        campaign = Campaign(
            runs,
            Launch(self.tools),
            logs=self.work_dir,
            where=describe_environment(self.tools),
            jobs=jobs,
            environments=job_environments(jobs),
            each_epoch=True,
        )
        failures = campaign.execute()
        if failures:
            raise RuntimeError('; '.join(f'{run}: {why}' for run, why in failures.items()))

    def _read(self, run: Run) -> TestedModel:
        """Read the scores of a finished run; copy scores and model to a folder of a simple name."""
        folder = self.work_dir / f'{run.variant.name}_seed{run.seed}'
        write_bytes(folder / 'predictions.pkl', (run.folder / 'predictions.pkl').read_bytes())
        write_bytes(folder / 'checkpoint.pth', run.checkpoint.read_bytes())
        return TestedModel(read_scores(folder / 'predictions.pkl'), *_count_parameters(run))

    def _draw(self, models: Mapping[str, TestedModel]) -> Any:
        """Draw the first sample of the first test person for some classes, right or wrong."""
        person = self.data.splits['test'][0][:4]
        labels = [label for pair in self.data.pairs[:2] for label in pair]
        source = SyntheticVideoSource(self.data, self.data.splits['test'])
        rows = [_prediction(f'{person}A{k + 1:02d}R01', source, models) for k in labels]
        return draw_predictions(
            rows,
            self.data.classes,
            self.data.layout,
            title=f'Test from the skeleton alone: person {person} was not in the training '
            '(synthetic data; true class in bold)',
        )


def relocate(cfg: Mapping[str, Any], old: str, new: str) -> dict[str, Any]:
    """Return the settings of a configuration with paths in folder ``old``, moved to ``new``."""

    def move(text: str) -> str:
        return new + text.removeprefix(old) if text.startswith(f'{old}/') else text

    moved = {key: map_texts(cfg[key], move) for key in cfg}
    return {key: value for key, value in moved.items() if value != cfg[key]}


def describe(models: Mapping[str, TestedModel], data: SyntheticData) -> str:
    """Make the table of the models by their titles."""
    pairs = sorted(label for pair in data.pairs for label in pair)
    rows: list[tuple[str, ...]] = [('', 'parameters', 'top-1', 'mean class', 'pairs')]
    for title, model in models.items():
        figures = [f'{100 * share:.1f} %' for share in accuracies(model.scores, pairs)]
        rows.append((title, f'{model.deployed_parameters:,}', *figures))
    heading, *lines = format_table(rows, gap=3).splitlines()
    return '\n'.join([heading, '-' * len(heading), *lines, '', *_footnotes(models, data)])


def accuracies(scores: Scores, classes: list[int]) -> tuple[float, float, float]:
    """Return top-1, the mean over the classes, and top-1 among the samples of some classes."""
    mean_class = mean_class_accuracy(scores.hits, scores.labels, scores.num_classes)
    among = scores.hits[np.isin(scores.labels, classes)]
    return float(scores.hits.mean()), mean_class, float(among.mean())


def _count_parameters(run: Run) -> tuple[int, int]:
    """Count the parameters of the deployed model, and those that only the training needs."""
    with DefaultScope.overwrite_default_scope(run.cfg.default_scope):
        whole = MODELS.build(run.cfg.model)
    deployed = build_deployed(copy.deepcopy(run.cfg))
    total, kept = (sum(p.numel() for p in model.parameters()) for model in (whole, deployed))
    return kept, total - kept


def _footnotes(models: Mapping[str, TestedModel], data: SyntheticData) -> list[str]:
    tested = next(iter(models.values())).scores
    top1 = tested.hits.mean()
    chance = 100 * np.sqrt(top1 * (1 - top1) / len(tested))
    notes = [
        f'{len(tested)} test samples; nobody in them (subjects: {data.test_subjects}) is '
        f'in the training. One standard error of top-1: {chance:.1f} points.',
        f'pairs: the {2 * len(data.pairs)} classes that come in pairs with and without an object '
        'and look alike in the skeleton.',
    ]
    return notes + [
        f'{title}: {model.training_parameters:,} parameters more in training, dropped '
        'from the tested checkpoint.'
        for title, model in models.items()
        if model.training_parameters
    ]


def _prediction(
    name: str, source: SyntheticVideoSource, models: Mapping[str, TestedModel]
) -> Prediction:
    data = source.data
    keypoint, label = data.keypoint(name), data.label(name)
    clip = source.load(name, keypoint, num_tiles=5, rule='center')
    return Prediction(
        title=f'{name}: {data.classes[label]}',
        keypoint=keypoint,
        scores={
            title: to_probabilities(model.scores)[model.scores.positions[name]]
            for title, model in models.items()
        },
        label=label,
        image=make_composite(clip.frames, clip.boxes)[..., ::-1],
    )
