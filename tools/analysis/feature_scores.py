"""Score samples by their cached features: ``feature_scores.py FEATURES STORE OUT --split NAME``.

A linear classifier scores each sample, fitted on other subjects. The file that it writes is a
score file as any other, and a teacher for ``ScoreDistillation``.
"""

import argparse
from collections.abc import Sequence

from mmcl_ext.config.user_errors import one_line_errors
from mmcl_ext.datasets.metainfo.subjects import add_subject_pattern
from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.evaluation.annotation_source import SplitLabels
from mmcl_ext.evaluation.feature_scores import score_features
from mmcl_ext.evaluation.score_files import write_scores


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('features', help='feature file, of images for instance (.safetensors)')
    parser.add_argument('store', help='annotation store (.safetensors)')
    parser.add_argument('out', help='score file to write (.pkl)')
    parser.add_argument('--split', required=True, help='split to score')
    parser.add_argument('--parts', type=int, default=5, help='parts that subjects are put in (5)')
    add_subject_pattern(parser)
    return parser.parse_args(arguments)


@one_line_errors()
def main(arguments: Sequence[str] | None = None) -> None:
    args = parse_args(arguments)
    split = SplitLabels.read(args.store, args.split)
    scores = score_features(
        args.features,
        split,
        SkeletonStore(args.store).classes,
        subject_pattern=args.subject_pattern,
        parts=args.parts,
    )
    write_scores(args.out, scores)
    print(
        f'{args.out}: {len(scores)} of {len(split.names)} samples, top-1 {scores.hits.mean():.2%}'
    )


if __name__ == '__main__':
    main()
