"""Ask a model about every composite: ``extract_text_features.py CONFIG SOURCE OUT``.

SOURCE is the folder of the composite images (of the .npy files for configurations that import
them). An interrupted run is continued by the same command.
"""

from mmcl_ext.config.launch import run_and_exit
from mmcl_ext.preparation.extraction.command_line import read_config, run_extraction
from mmcl_ext.preparation.text.extract_text_features import extract_text_features


def main() -> None:
    run_extraction(
        __doc__,
        dict(
            config='configuration, such as configs/preparation/text_blip.py',
            source='folder with one file per sample name',
            out='folder for the feature files',
        ),
        lambda args, run: extract_text_features(read_config(args), args.source, args.out, **run),
        example='question=touching_head batch_size=4',
    )


if __name__ == '__main__':
    run_and_exit(main)
