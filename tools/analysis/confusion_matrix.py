"""Draw the confusion matrix of one run: ``confusion_matrix.py scores.pkl``."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mmcl_ext.config.user_errors import one_line_errors
from mmcl_ext.evaluation.accuracy import confusion_matrix
from mmcl_ext.evaluation.annotation_source import (
    SplitLabels,
    add_annotation,
    check_annotation,
    class_list,
    open_source,
)
from mmcl_ext.evaluation.comparison_report import pair_table, run_table
from mmcl_ext.evaluation.ensemble import short_name
from mmcl_ext.evaluation.score_files import read_scores
from mmcl_ext.evaluation.text_table import write_csv
from mmcl_ext.visualization.prediction_figure import save_figure
from mmcl_ext.visualization.run_figures import draw_confusion, most_confused_classes


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('scores', help='score file')
    parser.add_argument('--name', help='of the run, for the reader')
    add_annotation(parser, 'names of the classes')
    parser.add_argument('--out', default='work_dirs/confusion.png', help='picture to write')
    parser.add_argument('--csv', help='table of the counts to write; a row per true class')
    parser.add_argument('--most', type=int, help='draw this many classes, those with most errors')
    parser.add_argument('--num-shown', type=int, default=10, help='length of the printed list')
    args = parser.parse_args(arguments)
    check_annotation(parser, args)
    return args


def run(args: argparse.Namespace) -> None:
    split = SplitLabels.read(args.store, args.split, args.layout) if args.split else None
    scores = read_scores(args.scores, split, by_position=args.by_position)
    annotation = open_source(args.store, args.layout) if args.store else None
    classes = class_list(annotation, scores.num_classes, scores.classes)
    name = args.name or short_name(args.scores)
    confusion = confusion_matrix(scores.predictions, scores.labels, scores.num_classes)
    print(run_table([scores], [name], resamples=10_000, seed=0))
    print(f'\nmost confused:\n{pair_table(confusion, classes, args.num_shown)}')
    shown = most_confused_classes([confusion], args.most) if args.most is not None else None
    save_figure(draw_confusion({name: confusion}, classes, shown=shown), args.out)
    if args.csv:
        rows = ([a, *row] for a, row in zip(classes, confusion.tolist(), strict=True))
        write_csv(Path(args.csv), ['true \\ predicted', *classes], rows)
    print(f'\npicture: {args.out}')


@one_line_errors()
def main(arguments: Sequence[str] | None = None) -> None:
    args = parse_args(arguments)
    run(args)


if __name__ == '__main__':
    main()
