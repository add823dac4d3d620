"""Pose error of BlazePose against Kinect v2 on NTU RGB+D's sample clip, and time by stage.

    python benchmarks/video_poses.py ../shared/datasets/ntu_sample --pose blazepose-full --threads 2
    python benchmarks/video_poses.py ../shared/datasets/ntu_sample --model MODEL --minutes 10

The clip has one person. Its video is a mirror image of the skeleton. 2D errors are those of 12
joints (shoulders, elbows, wrists, hips, knees, ankles) in pixels of the video; the torso reaches
from the spine at the shoulders to its base. PA-MPJPE is the mean 3D error of these joints after
the best similarity transform of each frame. --model adds the time to recognise the action, for
windows of 64 frames every 16 frames as tools/stream.py has it. --minutes makes a video of that
length (the clip to and fro, 640 x 360) and prints the memory of its stream after each tenth.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from mmcl_ext.datasets.converters.skeleton_file import read_skeleton_file
from mmcl_ext.fileio.archive_file import ArchiveFile
from mmcl_ext.graphs.joint_map import joint_matrix
from mmcl_ext.graphs.layouts import get_layout
from mmcl_ext.inference import MMCLInferencer, SkeletonClip, StreamingInferencer
from mmcl_ext.inference.live import watch
from mmcl_ext.preparation.pose import PoseTracks
from mmcl_ext.preparation.pose.pose_settings import PoseSettings
from mmcl_ext.preparation.videos.video import count_frames, iter_frames

NAME = 'S001C001P001R001A001'
RATE, WINDOW, STRIDE = 30, 64, 16
PARTS = ('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')
JOINTS = [
    get_layout('nturgb+d').joint_names.index(f'{s}_{p}') for s in ('left', 'right') for p in PARTS
]


def aligned_error(points: np.ndarray, truth: np.ndarray) -> float:
    """Mean distance (V, 3) after the best rotation, scale and translation (Umeyama, 1991)."""
    a, b = points - points.mean(axis=0), truth - truth.mean(axis=0)
    left, scales, right = np.linalg.svd(a.T @ b)
    scales[-1] *= np.sign(np.linalg.det(left @ right))
    left[:, -1] *= np.sign(np.linalg.det(left @ right))
    return float(np.linalg.norm(scales.sum() / (a**2).sum() * a @ left @ right - b, axis=1).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('folder', type=Path)
    parser.add_argument('--pose', default='blazepose-full')
    parser.add_argument('--landmarks', help='file of the landmark network')
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--model', help='of the recognition, to be timed')
    parser.add_argument('--minutes', type=float, default=0, help='of a long video')
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    options = {} if args.landmarks is None else dict(landmarks=args.landmarks)
    settings = PoseSettings(
        args.pose, dict(threads=args.threads, max_persons=1, **options), focal=1060, mirrored=True
    )
    estimator, tracks = settings.build(), PoseTracks('blazepose')
    times, decode, pose, size, before = [], [], [], (0, 0), time.perf_counter()
    for shown, image in iter_frames(args.folder / f'{NAME}_rgb.avi'):
        decoded = time.perf_counter()
        tracks.add(estimator(image))
        decode.append(decoded - before)
        before = time.perf_counter()
        pose.append(before - decoded)
        times.append(shown)
        size = image.shape[1], image.shape[0]
    poses = tracks.poses(NAME, size, times)
    truth = read_skeleton_file(ArchiveFile(args.folder / f'{NAME}.skeleton'), with_pixels=True)
    matrix = joint_matrix('blazepose', 'nturgb+d')
    # The true body's joints; their pixels back in the video, which is the mirror image.
    pixels = matrix @ poses.mirrored().keypoint[0]
    pixels[..., 0] = size[0] - pixels[..., 0]
    metres = matrix @ settings.joints(poses, metric=True)[0][0]
    error = np.linalg.norm(pixels - truth.pixels, axis=2)[:, JOINTS]
    torso = np.linalg.norm(truth.pixels[:, 20] - truth.pixels[:, 0], axis=1)[:, None]
    pairs = zip(metres[:, JOINTS], truth.joints[:, JOINTS], strict=True)
    print(f'{args.pose}: {len(times)} frames, {len(poses.keypoint)} person')
    print(f'mean error {error.mean():.1f} px, PCK@0.2 torso {(error < 0.2 * torso).mean():.3f}')
    print(f'3D PA-MPJPE {1000 * np.mean([aligned_error(*pair) for pair in pairs]):.1f} mm')
    distance = np.abs(metres[:, 0, 2] - truth.joints[:, 0, 2]).mean()
    true = truth.joints[:, 0, 2].mean()
    print(f'distance of the spine base off by {distance:.2f} m of {true:.2f} m')
    inferencer = None if args.model is None else MMCLInferencer(args.model)
    stages = dict(decode=decode[1:], pose=pose[1:])
    if inferencer is not None:
        clip = SkeletonClip(NAME, settings.joints(poses, metric=True)[0][:, :WINDOW], 'blazepose')
        inferencer.predict_clip(clip)
        start = time.perf_counter()
        for _ in range(5):
            inferencer.predict_clip(clip)
        stages['recognition'] = [(time.perf_counter() - start) / 5 / STRIDE]
    spent = {name: 1000 * float(np.median(seconds)) for name, seconds in stages.items()}
    total = sum(spent.values())
    for name, value in spent.items():
        print(f'{name:12} {value:6.1f} ms a frame, {value / total:.0%}')
    print(f'{"all":12} {total:6.1f} ms a frame, {1000 / total:.0f} frames a second')
    if args.minutes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, 'long.mp4')
            write_long(args.folder / f'{NAME}_rgb.avi', path, round(args.minutes * 60 * RATE))
            stream_memory(path, settings, inferencer)


def write_long(source: Path, path: Path, frames: int) -> None:
    """Write a video that plays a clip to and fro."""
    small = [cv2.resize(image, (640, 360)) for _, image in iter_frames(source)]
    order = [*range(len(small)), *range(len(small) - 2, 0, -1)]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'mp4v'), RATE, (640, 360))
    for t in range(frames):
        writer.write(small[order[t % len(order)]])
    writer.release()


def stream_memory(path: Path, settings: PoseSettings, inferencer: MMCLInferencer | None) -> None:
    """Stream a video; print the resident memory after each tenth."""
    total, stream = count_frames(path), None
    if inferencer is not None:
        options = dict(window=WINDOW, stride=STRIDE, track=True, num_slots=16)
        stream = StreamingInferencer(inferencer, layout='blazepose', **options)
    start = time.perf_counter()
    for number, frame in enumerate(watch(str(path), settings.build(), settings, metric=True), 1):
        if stream is not None:
            stream.push(frame.keypoint, frame.score)
        if number % (total // 10) == 0:
            pages = int(Path('/proc/self/statm').read_text().split()[1])
            rate = number / (time.perf_counter() - start)
            size = pages * resource.getpagesize() / 2**20
            print(f'{number:7} frames, {rate:5.1f} a second, {size:7.1f} MiB', flush=True)


if __name__ == '__main__':
    main()
