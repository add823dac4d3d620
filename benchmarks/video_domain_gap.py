"""What a network trained on Kinect's skeletons makes of skeletons that come out of videos.

    python benchmarks/video_domain_gap.py zoo:ctrgcn_15e_nwucla ../shared/datasets

The folder has ntu_sample/S001C001P001R001A001.skeleton, the same with _rgb.avi, and
mmaction2_samples/demo_skeleton.mp4, which is demo/demo_skeleton.mp4 of MMAction2's repository.

On NTU RGB+D's sample clip the same windows are predicted from Kinect's skeleton and from the
video's. Printed are how often both have the same best class, where the class of one stands among
those of the other, and the distance of the probabilities (half the sum of the differences, from
0 to 1). Controls: Kinect's skeleton with noise of a few centimetres, and windows of another time.
On MMAction2's demo clip, which has no other skeleton, the classes of both persons are printed.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from mmcl_ext.inference import MMCLInferencer, SkeletonClip
from mmcl_ext.inference.video_prediction import predict_poses
from mmcl_ext.preparation.pose.pose_settings import PoseSettings

NAME = 'S001C001P001R001A001'
WINDOW, STRIDE = 64, 4


def windows(inferencer: MMCLInferencer, clip: SkeletonClip) -> np.ndarray:
    """Probabilities (W, K) of all windows of a clip."""
    frames = clip.keypoint.shape[1]
    parts = (clip.cut(start, start + WINDOW) for start in range(0, frames - WINDOW + 1, STRIDE))
    return np.array([result.probability for result in inferencer.iterate(parts)])


def compare(name: str, one: np.ndarray, other: np.ndarray) -> None:
    """Print how far two lists of probabilities (W, K) agree."""
    best = one.argmax(axis=1)
    order = np.argsort(-other, axis=1)
    ranks = (order == best[:, None]).argmax(axis=1) + 1
    same = (best == order[:, 0]).mean()
    distance = np.abs(one - other).sum(axis=1).mean() / 2
    print(
        f'{name:28} same best class {same:4.0%}, rank of the class {ranks.mean():4.1f}, '
        f'distance {distance:.2f}'
    )


def show(name: str, classes: Sequence[str], probability: np.ndarray) -> None:
    """Print the best classes by the mean of the windows."""
    mean = probability.mean(axis=0)
    best = np.argsort(-mean)[:3].tolist()
    print(f'{name:28} ' + ', '.join(f'{classes[i]} {mean[i]:.2f}' for i in best))


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('model')
    parser.add_argument('datasets', type=Path)
    parser.add_argument('--checkpoint')
    parser.add_argument('--pose', default='blazepose-full')
    parser.add_argument('--threads', type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    inferencer = MMCLInferencer(args.model, args.checkpoint)
    options = dict(threads=args.threads)
    settings = PoseSettings(
        args.pose, options | dict(max_persons=1), focal=1060, mirrored=True, smooth=9
    )
    folder = args.datasets / 'ntu_sample'
    video = settings.estimate(str(folder / f'{NAME}_rgb.avi'), settings.build())
    seen = SkeletonClip(NAME, settings.joints(video, metric=True)[0][:1], video.layout)
    kinect = SkeletonClip.from_ntu_skeleton(folder / f'{NAME}.skeleton')
    generator = np.random.default_rng(0)
    true, found = windows(inferencer, kinect), windows(inferencer, seen)
    show("NTU, Kinect's skeleton", inferencer.classes, true)
    show("NTU, the video's skeleton", inferencer.classes, found)
    compare('Kinect and video', true, found)
    for size in (0.01, 0.03, 0.05):
        noise = generator.normal(scale=size, size=kinect.keypoint.shape).astype(np.float32)
        noisy = SkeletonClip(NAME, kinect.keypoint + noise, kinect.layout)
        compare(f'Kinect and {100 * size:.0f} cm of noise', true, windows(inferencer, noisy))
    compare('Kinect and another time', true, true[::-1])
    demo = PoseSettings(args.pose, options)
    path = str(args.datasets / 'mmaction2_samples/demo_skeleton.mp4')
    prediction = predict_poses(inferencer, path, demo.estimate(path, demo.build()), demo)
    print('\n'.join(prediction.rows(3)))


if __name__ == '__main__':
    main()
