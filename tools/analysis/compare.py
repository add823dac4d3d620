"""Compare two runs on the same samples: ``compare.py A.pkl B.pkl``."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmcl_ext.config.user_errors import one_line_errors
from mmcl_ext.evaluation.annotation_source import (
    SplitLabels,
    add_annotation,
    check_annotation,
    class_list,
    open_source,
)
from mmcl_ext.evaluation.comparison import ChangedSample, Comparison
from mmcl_ext.evaluation.comparison_report import format_comparison, write_comparison
from mmcl_ext.evaluation.ensemble import short_name
from mmcl_ext.evaluation.score_files import read_scores
from mmcl_ext.evaluation.scores import Scores, to_probabilities
from mmcl_ext.visualization.prediction_figure import Prediction, draw_predictions, save_figure
from mmcl_ext.visualization.run_figures import draw_confusion, draw_gains, most_confused_classes

NUM_CONFUSED = 25  # classes of the second picture where there are many


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('first', help='score file of one run')
    parser.add_argument('second', help='score file of the other run')
    parser.add_argument('--names', nargs=2, metavar=('A', 'B'), help='of the runs, for the reader')
    add_annotation(parser, 'names of the classes, skeletons to draw')
    parser.add_argument('--out-dir', default='work_dirs/compare', help='of tables and pictures')
    parser.add_argument('--num-shown', type=int, default=10, help='length of the printed lists')
    parser.add_argument('--num-drawn', type=int, default=3, help='samples drawn per direction')
    parser.add_argument('--resamples', type=int, default=10_000, help='of the bootstrap')
    parser.add_argument('--seed', type=int, default=0, help='of the bootstrap')
    args = parser.parse_args(arguments)
    check_annotation(parser, args)
    if args.num_drawn < 0:
        parser.error(f'--num-drawn {args.num_drawn} is negative')
    return args


def read(args: argparse.Namespace) -> Comparison:
    split = SplitLabels.read(args.store, args.split, args.layout) if args.split else None
    first, second = (
        read_scores(path, split, by_position=args.by_position) for path in (args.first, args.second)
    )
    return Comparison(first, second)


def draw(comparison: Comparison, classes: list[str], names: tuple[str, str], out: Path) -> None:
    accuracies = np.full((len(classes), 2), np.nan)
    for gain in comparison.class_gains:
        accuracies[gain.label] = gain.first, gain.second
    save_figure(draw_gains(accuracies, classes, names), out / 'gain.png')
    confusions = dict(zip(names, comparison.confusions, strict=True))
    save_figure(draw_confusion(confusions, classes), out / 'confusion.png')
    if len(classes) > NUM_CONFUSED:
        shown = most_confused_classes(comparison.confusions, NUM_CONFUSED)
        title = f'the {len(shown)} of {len(classes)} classes with the most errors'
        figure = draw_confusion(confusions, classes, shown=shown, title=title)
        save_figure(figure, out / 'confusion_most.png')


def draw_samples(
    comparison: Comparison, classes: list[str], names: tuple[str, str], args: argparse.Namespace
) -> None:
    """Draw the samples whose score changed most, in both directions."""
    annotation = open_source(args.store, args.layout)
    rows = {name: i for i, name in enumerate(annotation.names)}
    for improved, stem in ((True, 'wrong_to_right'), (False, 'right_to_wrong')):
        changed = [s for s in comparison.changed if s.is_improved == improved and s.name in rows]
        predictions = [
            Prediction(
                title=f'{sample.name}: {classes[sample.label]}',
                keypoint=annotation.keypoint(rows[sample.name]),
                scores=scores_of(sample.name, comparison.runs, names),
                label=sample.label,
            )
            for sample in one_of_each_class(changed)[: args.num_drawn]
        ]
        if predictions:
            figure = draw_predictions(predictions, classes, annotation.layout, headings=None)
            save_figure(figure, Path(args.out_dir, f'{stem}.png'))


def one_of_each_class(samples: Sequence[ChangedSample]) -> list[ChangedSample]:
    """Put the first sample of each class before the others."""
    first = {sample.label: sample for sample in reversed(samples)}
    return sorted(samples, key=lambda sample: sample is not first[sample.label])


def scores_of(sample: str, runs: Sequence[Scores], names: Sequence[str]) -> dict[str, np.ndarray]:
    return {
        name: to_probabilities(run)[run.positions[sample]]
        for name, run in zip(names, runs, strict=True)
    }


def run(args: argparse.Namespace) -> None:
    comparison = read(args)
    annotation = open_source(args.store, args.layout) if args.store else None
    classes = class_list(annotation, comparison.first.num_classes, comparison.first.classes)
    a, b = args.names or [short_name(path) for path in (args.first, args.second)]
    names = (a, b) if a != b else (f'{a} (first)', f'{b} (second)')
    options = dict(num_shown=args.num_shown, resamples=args.resamples, seed=args.seed)
    print(format_comparison(comparison, classes, names, **options))
    out = Path(args.out_dir)
    write_comparison(comparison, classes, names, out)
    draw(comparison, classes, names, out)
    if args.store:
        draw_samples(comparison, classes, names, args)
    print(f'\ntables and pictures: {out}')


@one_line_errors()
def main(arguments: Sequence[str] | None = None) -> None:
    args = parse_args(arguments)
    run(args)


if __name__ == '__main__':
    main()
