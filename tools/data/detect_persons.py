"""Find the person in the frames of every video: ``detect_persons.py CONFIG SOURCE OUT``.

SOURCE is a folder of videos, of .skeleton files, or an annotation store, as the configuration
says; OUT is one file for the boxes of all samples. An interrupted run is continued by the same
command.
"""

from mmcl_ext.config.launch import run_and_exit
from mmcl_ext.preparation.extraction.command_line import read_config, run_extraction
from mmcl_ext.preparation.person_boxes.detect_persons import detect_persons


def main() -> None:
    run_extraction(
        __doc__,
        dict(
            config='configuration, such as configs/preparation/boxes_rtmdet.py',
            source='videos, .skeleton files, or an annotation store',
            out='file for the boxes, such as boxes.safetensors',
        ),
        lambda args, run: detect_persons(read_config(args), args.source, args.out, **run),
        example='source.fallback=nearest batch_size=8',
    )


if __name__ == '__main__':
    run_and_exit(main)
