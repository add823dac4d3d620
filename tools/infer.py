"""Predict the actions of skeletons and videos: a table, a JSON file, pictures and videos."""

import argparse
import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmcl_ext.checkpoints.model_info import ModelInfo
from mmcl_ext.config.launch import run_and_exit
from mmcl_ext.config.user_errors import one_line_errors
from mmcl_ext.fileio.file_name import file_name
from mmcl_ext.fileio.printable import counted
from mmcl_ext.inference.command_line import add_axes, add_model_options, open_inferencer
from mmcl_ext.inference.inference_report import (
    animate_result,
    draw_result,
    overlay_result,
    table_row,
    write_json,
)
from mmcl_ext.inference.inference_result import InferenceResult
from mmcl_ext.inference.mmcl_inferencer import MMCLInferencer
from mmcl_ext.inference.relevance import joint_relevance
from mmcl_ext.inference.segments import (
    Localization,
    SegmentSettings,
    add_segment_options,
    localize,
)
from mmcl_ext.inference.video_prediction import VideoPrediction, is_video, predict_video
from mmcl_ext.preparation.pose.pose_settings import PoseSettings, add_pose_options


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'inputs',
        nargs='+',
        metavar='INPUT',
        help='video, or file of skeletons; STORE::NAME for a sample or a split of a store',
    )
    add_model_options(parser)
    parser.add_argument('--out', help='folder for predictions.json and pictures')
    parser.add_argument('--layout', help='name or .json of the joints, where files do not say it')
    add_axes(parser)
    parser.add_argument('--top-k', type=int, default=5, help='classes per clip')
    parser.add_argument('--batch-size', type=int, default=8, help='clips per forward pass')
    parser.add_argument('--pictures', type=int, default=20, help='clips to draw at most')
    parser.add_argument('--motion', choices=('gif', 'mp4'), help='write moving skeletons, too')
    parser.add_argument(
        '--explain', action='store_true', help='tell which joints speak for the class, and when'
    )
    add_segment_options(parser)
    add_pose_options(parser)
    parser.add_argument('--video', help='video of the one input, to draw its joints over')
    parser.add_argument(
        '--fill-missing', action='store_true', help='interpolate joints that are not finite'
    )
    args = parser.parse_args()
    if args.top_k < 1:
        parser.error(f'--top-k must be positive, got {args.top_k}')
    if args.video and (len(args.inputs) > 1 or not args.out):
        parser.error('--video takes one INPUT and --out')
    if args.explain and not args.out:
        parser.error('--explain needs --out')
    if args.video and not Path(args.video).exists():
        parser.error(f'there is no video {args.video!r}')
    args.segment_settings = SegmentSettings.of(args)
    args.pose_settings = PoseSettings.of(args)
    return args


def draw(args: argparse.Namespace, result: InferenceResult, name: str, layout: str) -> None:
    path = Path(args.out) / name
    draw_result(result, f'{path}.png', layout)
    if args.motion:
        animate_result(result, f'{path}.{args.motion}', layout)
    if args.video:
        overlay_result(result, args.video, f'{path}_overlay.mp4', layout)


@one_line_errors(ImportError)  # of a backend
def main() -> None:
    args = parse_args()
    infer(args)


def infer(args: argparse.Namespace) -> None:
    inferencer = open_inferencer(args, batch_size=args.batch_size, fill_missing=args.fill_missing)
    if args.out:
        Path(args.out).mkdir(parents=True, exist_ok=True)
    values: list[dict[str, Any]] = []
    try:
        predict(args, inferencer, values)
    except BaseException:  # an interrupt, too: what is done is not lost
        if values:
            save(args, inferencer.info, values, complete=False)
        raise
    save(args, inferencer.info, values)
    if any('error' in value for value in values):
        raise SystemExit(1)


def predict(
    args: argparse.Namespace, inferencer: MMCLInferencer, values: list[dict[str, Any]]
) -> None:
    """Predict the inputs one after the other; each result is added to ``values``."""
    taken = set[str]()
    for video, inputs in itertools.groupby(args.inputs, is_video):
        source = predict_videos if video else predict_skeletons
        for result in source(args, inferencer, inputs):
            report(args, result, taken, inferencer, values)


def predict_skeletons(
    args: argparse.Namespace, inferencer: MMCLInferencer, inputs: Iterable[str]
) -> Iterator[InferenceResult]:
    yield from inferencer.iterate(inputs, layout=args.layout, axes=args.axes, on_error='skip')


def predict_videos(
    args: argparse.Namespace, inferencer: MMCLInferencer, inputs: Iterable[str]
) -> Iterator[VideoPrediction | InferenceResult]:
    settings = args.pose_settings
    estimator = settings.build()
    for path in inputs:
        try:
            yield predict_video(
                inferencer, path, estimator, settings, segments=args.segment_settings
            )
        except (ValueError, OSError) as error:
            yield InferenceResult(path, inferencer.classes, error=str(error))


def report(
    args: argparse.Namespace,
    result: VideoPrediction | InferenceResult,
    taken: set[str],
    inferencer: MMCLInferencer,
    values: list[dict[str, Any]],
) -> None:
    """Print a result, remember it, and draw it as long as there are few."""
    values.append(result.to_dict(args.top_k))
    if isinstance(result, VideoPrediction):
        print('\n'.join(result.rows(args.top_k)), flush=True)
        if args.out and result.persons:
            path = Path(args.out) / file_name(result.scene.name, taken)
            result.write_poses(path)
            if len(taken) <= args.pictures:
                result.write_overlay(f'{path}_overlay.mp4')
                for found in result.segments[:1]:
                    found.draw(f'{path}_segments.png')
            if args.explain:
                for number, person in enumerate(result.persons, 1):
                    value = values[-1]['persons'][number - 1]
                    explain(inferencer, person, value, f'{path}_person_{number}')
        return
    print(table_row(result, args.top_k), flush=True)
    found = segments_of(args, result, inferencer, values[-1])
    if args.out and result.error is None and len(taken) < args.pictures:
        path = Path(args.out) / file_name(result.name, taken)
        draw(args, result, path.name, inferencer.info.layout)
        if found is not None:
            found.draw(f'{path}_segments.png')
        if args.explain:
            explain(inferencer, result, values[-1], str(path))


def segments_of(
    args: argparse.Namespace,
    result: InferenceResult,
    inferencer: MMCLInferencer,
    value: dict[str, Any],
) -> Localization | None:
    """Find the actions over time of a clip of skeletons, if that is wanted; print them."""
    settings = args.segment_settings
    if settings is None or result.clip is None or result.error is not None:
        return None
    frames = result.clip.keypoint.shape[1]
    times = None if args.fps is None else np.arange(frames) / args.fps
    found = localize(inferencer, result.clip, settings, times)
    value['segments'] = found.to_list()
    print('\n'.join(found.rows()), flush=True)
    return found


def explain(
    inferencer: MMCLInferencer, result: InferenceResult, value: dict[str, Any], path: str
) -> None:
    """Add the relevance of the joints to a result and draw it."""
    if result.clip is not None:
        relevance = joint_relevance(inferencer, result.clip)
        value['relevance'] = relevance.to_dict()
        relevance.draw(f'{path}_relevance.png', result.clip)


def save(
    args: argparse.Namespace,
    info: ModelInfo,
    values: Sequence[dict[str, Any]],
    complete: bool = True,
) -> None:
    if args.out:
        path = Path(args.out) / 'predictions.json'
        write_json(path, info, values, complete)
        failed = sum('error' in value for value in values)
        note = f' ({counted(failed, "clip")} failed)' if failed else ''
        print(f'{counted(len(values), "result")}{note} in {path}', flush=True)


if __name__ == '__main__':
    run_and_exit(main)
