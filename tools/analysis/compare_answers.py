"""Show what several models answer about the same images: ``compare_answers.py FOLDER ...``."""

import argparse
from pathlib import Path

from mmcl_ext.config.user_errors import one_line_errors
from mmcl_ext.evaluation.text_table import write_csv
from mmcl_ext.fileio.printable import printable
from mmcl_ext.preparation.text.answers import read_answers, side_by_side
from mmcl_ext.visualization.answer_figure import draw_answers
from mmcl_ext.visualization.prediction_figure import save_figure


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('folders', nargs='+', help='outputs of extract_text_features.py')
    parser.add_argument('--samples', nargs='+', help='names of the samples to show')
    parser.add_argument('--num', type=int, default=4, help='else: as many')
    parser.add_argument('--composites', help='folder of the images, for --out')
    parser.add_argument('--out', help='picture to write: each image with its answers')
    parser.add_argument('--csv', help='table of all shown answers to write')
    args = parser.parse_args()
    if args.num < 1:
        parser.error(f'--num counts from 1, got {args.num}')
    if bool(args.out) != bool(args.composites):
        parser.error('--out goes with --composites')
    return args


@one_line_errors()
def main() -> None:
    args = parse_args()
    models = {folder: Path(folder).name for folder in args.folders}
    if len(set(models.values())) < len(args.folders):
        models = {folder: folder for folder in args.folders}
    answers = {models[folder]: read_answers(folder) for folder in models}
    table = side_by_side(answers, args.samples, args.num)
    for name, texts in table.items():
        print(printable(name))
        for model, text in texts.items():
            print(f'  {printable(model)}: {printable(text)}')
    if args.csv:
        rows = [(name, model, text) for name, row in table.items() for model, text in row.items()]
        write_csv(Path(args.csv), ('sample', 'model', 'answer'), rows)
    if args.out:
        save_figure(draw_answers(table, Path(args.composites)), args.out)
        print(args.out)


if __name__ == '__main__':
    main()
