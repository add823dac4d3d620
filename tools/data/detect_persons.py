"""Find the person in the frames of every video: ``detect_persons.py CONFIG SOURCE OUT``.

SOURCE is a folder of videos, of .skeleton files, or an annotation store, as the configuration
says; OUT is one file for the boxes of all samples. An interrupted run goes on where it was.
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
from mmcl_ext.preparation.person_boxes import detect_persons


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='configuration, such as configs/preparation/boxes_rtmdet.py')
    parser.add_argument('source', help='videos, .skeleton files, or an annotation store')
    parser.add_argument('out', help='file for the boxes, such as boxes.safetensors')
    add_sample_options(parser)
    add_run_options(parser)
    add_config_options(parser, 'source.fallback=nearest batch_size=8')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    report_step(
        args.launcher,
        lambda: detect_persons(
            read_config(args), args.source, args.out, **extraction_options(args)
        ),
    )


if __name__ == '__main__':
    run_and_exit(main)
