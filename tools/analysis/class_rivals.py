"""Let a language model tell confused classes apart: ``class_rivals.py scores.pkl TEXTS``.

SCORES are those of training samples that the network has not seen: train on what ``hold_out.py``
leaves, test on what it held out. The prompt is written to ``--prompt``. The answer of the model,
saved as a text file, comes back with ``--answers``: the texts with its sentences go to ``--out``.
"""

import argparse
from collections.abc import Sequence

import numpy as np

from mmcl_ext.config.user_errors import one_line_errors
from mmcl_ext.datasets.metainfo.class_texts import SHIPPED, read_class_texts, read_sentences
from mmcl_ext.evaluation.accuracy import confusion_matrix
from mmcl_ext.evaluation.class_rivals import class_rivals, rival_prompt
from mmcl_ext.evaluation.score_files import read_scores
from mmcl_ext.fileio.atomic_file import write_bytes


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('scores', nargs='+', help='score files of the held-out parts')
    parser.add_argument('texts', help=f'file with texts, or one of {", ".join(SHIPPED)}')
    parser.add_argument('--rivals', type=int, default=10, help='most rivals of a class')
    parser.add_argument('--prompt', default='work_dirs/class_rivals.txt', help='file to write')
    parser.add_argument('--answers', help="answers of the model, lines 'class; sentence'")
    parser.add_argument('--out', help='texts to write, with the sentences of --answers')
    args = parser.parse_args(arguments)
    if bool(args.answers) != bool(args.out):
        parser.error('--answers and --out go together')
    if args.rivals < 1:
        parser.error('--rivals is positive')
    return args


@one_line_errors()
def main(arguments: Sequence[str] | None = None) -> None:
    args = parse_args(arguments)
    texts = read_class_texts(args.texts)
    if args.answers:
        answers = read_sentences(args.answers)
        write_bytes(args.out, texts.with_sentences(answers).to_text().encode())
        print(f'{args.out}: {len(answers)} of {len(texts.classes)} sentences are new')
        return
    number = len(texts.classes)
    confusion = np.zeros((number, number), dtype=np.int64)
    for scores in map(read_scores, args.scores):
        if scores.num_classes != number:
            found = f'{scores.num_classes} classes, {args.texts} has {number}'
            raise ValueError(f'{scores.source}: {found}')
        confusion += confusion_matrix(scores.predictions, scores.labels, number)
    rivals = class_rivals(confusion, args.rivals)
    first = texts.kinds.index('sentence')
    sentences = [row[first] for row in texts.rows]
    write_bytes(args.prompt, rival_prompt(texts.classes, sentences, rivals).encode())
    print(f'{args.prompt}: {sum(map(bool, rivals))} of {number} classes have rivals')


if __name__ == '__main__':
    main()
