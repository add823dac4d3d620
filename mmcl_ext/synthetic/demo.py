"""The demonstration: synthetic data, two trainings, a test from the skeleton alone, a picture."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context, set_start_method
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmcl_ext.preparation.composites.composite import make_composite
from mmcl_ext.synthetic.contestant import Contestant
from mmcl_ext.synthetic.outcome import Outcome
from mmcl_ext.synthetic.synthetic_data import SyntheticData
from mmcl_ext.synthetic.synthetic_video_source import SyntheticVideoSource
from mmcl_ext.synthetic.write_synthetic_data import write_synthetic_data
from mmcl_ext.visualization import Prediction, draw_predictions, save_figure

_NOTICE = (
    'The data are synthetic: parametric people, drawn with OpenCV. The texts are the answers of '
    "the scenes' own annotation; no language model was asked."
)
_COLUMNS = ('', 'parameters', 'top-1', 'mean class', 'pairs')


@dataclass(frozen=True)
class Demo:
    """The demonstration.

    Args:
        configs: Configuration file of each model, by its title for the reader; the first is
            the baseline.
        root: Folder of the data.
        work_dir: Folder of trainings and of the picture.
        data: What data to make.
        seed: Random seed of the trainings, the same for all.
        options: Settings to override in all configurations, as dotted keys.
        jobs: Number of processes that draw the data, and of trainings at a time.
    """

    configs: Mapping[str, str | os.PathLike]
    root: Path
    work_dir: Path
    data: SyntheticData = field(default_factory=SyntheticData)
    seed: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)
    jobs: int = 1

    def run(self) -> dict[str, Outcome]:
        """Make the data, train, test and show; what is finished already is not done again.

        Returns:
            The outcome of each model by its title.
        """
        print(_NOTICE, flush=True)
        write_synthetic_data(self.root, self.data, jobs=self.jobs)
        outcomes = self._contests()
        print(f'\n{describe(outcomes, self.data)}')
        picture = self.work_dir / 'demo.png'
        save_figure(self._draw(outcomes), picture)
        print(f'\nPicture: {picture}')
        return outcomes

    def _contests(self) -> dict[str, Outcome]:
        """Run the contestants, side by side where there is more than one job."""
        titles = list(self.configs)
        processes = min(self.jobs, len(titles))
        if processes == 1:
            return {title: self._contest(title) for title in titles}
        # One training has too little to do for many threads; fresh processes share no state.
        threads = max((os.cpu_count() or 1) // processes, 1)
        with ProcessPoolExecutor(
            processes, get_context('spawn'), initializer=_start_worker, initargs=(threads,)
        ) as pool:
            return dict(zip(titles, pool.map(self._contest, titles), strict=True))

    def _contest(self, title: str) -> Outcome:
        config = Path(self.configs[title])
        place = self.work_dir / f'{config.parent.name}_{config.stem}_seed{self.seed}'
        contestant = Contestant(title, config, self.root, place, self.seed, self.options)
        return contestant.run(self.data.recipe)

    def _draw(self, outcomes: Mapping[str, Outcome]) -> Any:
        """Draw the first sample of the first test person for some classes, right or wrong."""
        person = self.data.splits['test'][0][:4]
        labels = [label for pair in self.data.pairs[:2] for label in pair]
        source = SyntheticVideoSource(self.data, self.data.splits['test'])
        rows = [_prediction(f'{person}A{k + 1:02d}R01', source, outcomes) for k in labels]
        return draw_predictions(
            rows,
            self.data.classes,
            self.data.layout,
            title=f'Test from the skeleton alone: person {person} was not in the training '
            '(synthetic data; true class in bold)',
        )


def describe(outcomes: Mapping[str, Outcome], data: SyntheticData) -> str:
    """Make the table of outcomes.

    Args:
        outcomes: Outcome of each model by its title.
        data: The data they were tested on.
    """
    pairs = sorted(label for pair in data.pairs for label in pair)
    rows: list[tuple[str, ...]] = [_COLUMNS]
    for title, outcome in outcomes.items():
        shares = (outcome.top1, outcome.mean_class_accuracy, outcome.accuracy_on(pairs))
        figures = [f'{100 * share:.1f} %' for share in shares]
        rows.append((title, f'{outcome.deployed_parameters:,}', *figures))
    widths = [max(len(row[i]) for row in rows) for i in range(len(_COLUMNS))]
    lines = [_line(row, widths) for row in rows]
    lines.insert(1, '-' * len(lines[0]))
    return '\n'.join([*lines, '', *_footnotes(outcomes, data)])


def _start_worker(threads: int) -> None:
    """Prepare a process that trains: its data loader forks, as MMEngine would have it."""
    set_start_method('fork', force=True)
    torch.set_num_threads(threads)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (text.ljust(w) if i == 0 else text.rjust(w)
                      for i, (text, w) in enumerate(zip(row, widths, strict=True)))  # fmt: skip
    return '   '.join((first, *others))


def _footnotes(outcomes: Mapping[str, Outcome], data: SyntheticData) -> list[str]:
    tested = next(iter(outcomes.values()))
    chance = 100 * np.sqrt(tested.top1 * (1 - tested.top1) / len(tested.labels))
    notes = [
        f'{len(tested.labels)} test samples; nobody in them (subjects: {data.test_subjects}) is '
        f'in the training. One standard error of top-1: {chance:.1f} points.',
        f'pairs: the {2 * len(data.pairs)} classes that come in pairs with and without an object '
        'and look alike in the skeleton.',
    ]
    for title, outcome in outcomes.items():
        if outcome.training_parameters:
            notes.append(
                f'{title}: {outcome.training_parameters:,} parameters more in training, dropped '
                'from the tested checkpoint.'
            )
    return notes


def _prediction(
    name: str, source: SyntheticVideoSource, outcomes: Mapping[str, Outcome]
) -> Prediction:
    data = source.data
    keypoint, label = data.keypoint(name), data.label(name)
    clip = source.load(name, keypoint, num_tiles=5, rule='center')
    return Prediction(
        title=f'{name}: {data.classes[label]}',
        keypoint=keypoint,
        scores={title: outcome.probabilities_of(name) for title, outcome in outcomes.items()},
        label=label,
        image=make_composite(clip.frames, clip.boxes)[..., ::-1],
    )
