"""Embed the texts of classes with a frozen text encoder: ``extract_class_texts.py TEXTS OUT``."""

import argparse
from collections.abc import Sequence

from mmcl_ext.config.user_errors import one_line_errors
from mmcl_ext.datasets.metainfo.class_texts import SHIPPED, read_class_texts
from mmcl_ext.fileio.printable import counted
from mmcl_ext.preparation.text.class_texts import (
    TextEncoder,
    extract_class_texts,
    extract_joint_table,
)


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('texts', help=f'file with texts, or one of {", ".join(SHIPPED)}')
    parser.add_argument('out', help='feature file to write, for ClassTextAlignment')
    parser.add_argument(
        '--model', default='minilm', help='folder or name of a text encoder of transformers'
    )
    parser.add_argument('--device', help='cpu or cuda:0')
    parser.add_argument('--layout', help='skeleton layout of the table of joints')
    parser.add_argument('--joints', help='table of joints to write, for JointConstraint')
    args = parser.parse_args(arguments)
    if bool(args.layout) != bool(args.joints):
        parser.error('--layout and --joints go together')
    return args


@one_line_errors()
def main(arguments: Sequence[str] | None = None) -> None:
    args = parse_args(arguments)
    read_class_texts(args.texts)  # before the encoder is loaded
    encoder = TextEncoder(args.model, args.device)
    shape = extract_class_texts(args.texts, args.out, encoder)
    print(f'{args.out}: {shape[0]} classes, {counted(shape[1], "text")} each, width {shape[2]}')
    if args.joints:
        shape = extract_joint_table(args.texts, args.layout, args.joints, encoder)
        print(f'{args.joints}: {shape[0]} classes, {shape[1]} joints')


if __name__ == '__main__':
    main()
