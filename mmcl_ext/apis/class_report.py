"""How well each class was recognised in a test."""

import os
from pathlib import Path

from mmcl_ext.evaluation.accuracy import confusion_matrix
from mmcl_ext.evaluation.class_report import class_results, format_classes, write_classes
from mmcl_ext.evaluation.score_files import read_scores
from mmcl_ext.visualization.prediction_figure import save_figure
from mmcl_ext.visualization.run_figures import draw_confusion


def report_classes(scores: str | os.PathLike, folder: str | os.PathLike) -> str:
    """Measure each class in a score file with labels, as a test dumps it.

    Writes ``per_class.csv`` and the picture ``confusion.png`` into the folder, and returns a table
    for the terminal, with Wilson's 95 % confidence intervals.
    """
    read, folder = read_scores(scores), Path(folder)
    named = list(read.classes or ())[: read.num_classes]
    classes = named + [f'class {k}' for k in range(len(named), read.num_classes)]
    confusion = confusion_matrix(read.predictions, read.labels, read.num_classes)
    results = class_results(confusion, classes)
    write_classes(results, folder / 'per_class.csv')
    save_figure(draw_confusion({Path(scores).stem: confusion}, classes), folder / 'confusion.png')
    return (
        f'{format_classes(results)}\n'
        "in brackets: Wilson's 95 % confidence intervals\n"
        f'table: {folder / "per_class.csv"}, picture: {folder / "confusion.png"}'
    )
