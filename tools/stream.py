"""Predict actions frame by frame: a video, a camera, or a file of skeletons as if it were live."""

import argparse
import itertools
from collections import deque
from collections.abc import Iterator
from statistics import median

from mmcl_ext.config.command_line import finite_number
from mmcl_ext.config.launch import run_and_exit
from mmcl_ext.config.user_errors import one_line_errors
from mmcl_ext.fileio.printable import counted, name_list
from mmcl_ext.inference.clip_preparation import takes_metres
from mmcl_ext.inference.command_line import add_axes, add_model_options, open_inferencer
from mmcl_ext.inference.live import LiveFrame, replay, watch
from mmcl_ext.inference.mmcl_inferencer import MMCLInferencer
from mmcl_ext.inference.read_clips import clip_readers
from mmcl_ext.inference.streaming_inferencer import StreamingInferencer
from mmcl_ext.inference.video_prediction import is_video
from mmcl_ext.preparation.pose.pose_settings import PoseSettings, add_pose_options


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'file', nargs='?', help='video, rtsp://ADDRESS, or file of skeletons to replay; STORE::NAME'
    )
    parser.add_argument('--webcam', metavar='N|VIDEO', help='number of a camera, or a video')
    add_model_options(parser)
    add_pose_options(parser)
    parser.add_argument(
        '--layout', help='name or .json of the joints, where the file does not say it'
    )
    add_axes(parser)
    parser.add_argument('--window', type=int, default=64, help='frames of a window')
    parser.add_argument('--stride', type=int, default=16, help='frames between predictions')
    parser.add_argument(
        '--smoothing',
        type=finite_number,
        default=0.0,
        help='share of earlier scores, from 0 to below 1',
    )
    parser.add_argument('--realtime', action='store_true', help='keep to --fps when replaying')
    parser.add_argument('--fps', type=finite_number, default=30.0, help='frames per second')
    parser.add_argument('--top-k', type=int, default=3, help='classes per prediction')
    args = parser.parse_args()
    if (args.file is None) == (args.webcam is None):
        parser.error('give a file to replay, or --webcam')
    if not args.fps > 0 or args.top_k < 1:
        parser.error(f'--fps and --top-k must be positive, got {args.fps} and {args.top_k}')
    args.extra = args.images = None
    if args.webcam is not None:
        args.images = int(args.webcam) if args.webcam.isdecimal() else args.webcam
    elif is_video(args.file) or '://' in args.file:
        args.images = args.file
    return args


def open_source(args: argparse.Namespace, inferencer: MMCLInferencer) -> Iterator[LiveFrame]:
    settings = PoseSettings.of(args)  # wrong ones are told whatever the source is
    if args.images is not None:
        estimator = settings.build()
        args.layout = args.layout or estimator.layout
        metric = takes_metres(inferencer.info, estimator.metric)
        return watch(args.images, estimator, settings, metric, args.realtime)
    readers = clip_readers(args.file, args.layout, inferencer.clip_defaults(args.axes))
    found = list(itertools.islice(readers, 2))
    if len(found) != 1:
        number = 'several clips' if found else 'no clip'
        raise ValueError(f'{args.file} holds {number}: give one, {args.file}::NAME')
    clip = found[0]()
    args.layout, args.extra = clip.layout, clip.extra
    return replay(clip, args.fps if args.realtime else None)


def summary(stream: StreamingInferencer, frames: int, predictions: int, lag: float) -> str:
    text = f'{counted(frames, "frame")}, {counted(predictions, "prediction")}'
    if predictions:
        p50, p95 = (1000 * seconds for seconds in stream.latency())
        text += f'; latency p50 {p50:.1f} ms, p95 {p95:.1f} ms'
    return text + (f'; at most {1000 * lag:.0f} ms behind' if lag else '')


@one_line_errors(ImportError)  # of a backend, or of MMPose
def main() -> None:
    args = parse_args()
    stream(args)


def stream(args: argparse.Namespace) -> None:
    # A joint lost for a moment must not stop a stream.
    inferencer = open_inferencer(args, fill_missing=True)
    source = open_source(args, inferencer)
    windows = StreamingInferencer(
        inferencer,
        window=args.window,
        stride=args.stride,
        smoothing=args.smoothing,
        track=args.images is not None,
        num_slots=16,
        layout=args.layout,
        extra=args.extra,
    )
    frames = predictions = 0
    lag = 0.0
    shares: dict[str, deque[float]] = {'decode': deque(maxlen=1000), 'pose': deque(maxlen=1000)}
    try:
        for frame in source:
            frames, lag = frames + 1, max(lag, frame.lag)
            for name, seconds in shares.items():
                seconds.append(getattr(frame, name))
            prediction = windows.push(frame.keypoint, frame.score)
            if prediction is None:
                continue
            predictions += 1
            top = [f'{name} {p:.3f}' for name, p in prediction.top(args.top_k)]
            scores = name_list(top, len(top))
            delay = f'{1000 * prediction.latency:6.1f} ms'
            now = prediction.frame / args.fps if frame.time is None else frame.time
            print(f'{now:7.2f} s  {delay}  {scores}', flush=True)
    finally:
        print(summary(windows, frames, predictions, lag))
        if args.images is not None and frames:
            parts = (f'{name} p50 {1000 * median(s):.1f} ms' for name, s in shares.items())
            print('per frame: ' + ', '.join(parts))


if __name__ == '__main__':
    run_and_exit(main)
