"""Ask a model about every composite: ``extract_text_features.py CONFIG SOURCE OUT``.

SOURCE is the folder of the composite images (of the .npy files for configurations that import
them). An interrupted run goes on where it was.
"""

import argparse

from mmcl_ext.config.launch import run_and_exit
from mmcl_ext.preparation.extraction.command_line import (
    add_config_options,
    add_run_options,
    add_sample_options,
    extraction_options,
    read_config,
    report_step,
)
from mmcl_ext.preparation.text import extract_text_features


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='configuration, such as configs/preparation/text_blip.py')
    parser.add_argument('source', help='folder with one file per sample name')
    parser.add_argument('out', help='folder for the feature files')
    add_sample_options(parser)
    add_run_options(parser)
    add_config_options(parser, 'question=touching_head batch_size=4')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    report_step(
        args.launcher,
        lambda: extract_text_features(
            read_config(args), args.source, args.out, **extraction_options(args)
        ),
    )


if __name__ == '__main__':
    run_and_exit(main)
