"""Draw a frame of a video, the pose in it, and the skeleton of NTU RGB+D made of the pose.

    python docs/draw_poses.py clip.mp4 poses.svg --time 1.5

--bare leaves the frame out, for videos whose licence does not permit to show it. The picture
docs/preparation/poses.svg was drawn that way from MMAction2's demo clip (demo_skeleton.mp4):

    python docs/draw_poses.py ../shared/datasets/mmaction2_samples/demo_skeleton.mp4 \
        docs/preparation/poses.svg --bare
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmcl_ext.graphs.joint_map import joint_matrix
from mmcl_ext.preparation.pose.pose_settings import PoseSettings, add_pose_options
from mmcl_ext.preparation.pose.video_poses import VideoPoses
from mmcl_ext.preparation.videos.video import iter_frames
from mmcl_ext.visualization.skeleton_plot import draw_skeleton

TITLES = ('joints in the image', 'joints in metres', "NTU RGB+D's joints")


def draw_image(axes: Axes, poses: VideoPoses, t: int, image: np.ndarray | None) -> None:
    """Draw the joints of all persons over a frame, or over its outline."""
    width, height = poses.size
    if image is None:
        axes.fill([0, width, width, 0], [0, 0, -height, -height], color='#f2f2f2')
    else:
        axes.imshow(image[..., ::-1], extent=(0, width, -height, 0))
    for person in poses.keypoint[poses.present[:, t], t]:
        draw_skeleton(axes, person, poses.layout, upwards=False, width=1.2)
    axes.set_xlim(0, width)
    axes.set_ylim(-height, 0)


def main() -> None:
    """Draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('video', type=Path)
    parser.add_argument('out', type=Path)
    parser.add_argument('--time', type=float, default=1.0, help='seconds from the beginning')
    parser.add_argument('--bare', action='store_true', help='leave the frame out')
    add_pose_options(parser)
    args = parser.parse_args()
    settings = PoseSettings.of(args)
    poses = settings.estimate(str(args.video), settings.build())
    t = int(np.abs(poses.times - args.time).argmin())
    images = (image for _, image in iter_frames(args.video))
    image = None if args.bare else next(image for i, image in enumerate(images) if i == t)
    metres = settings.joints(poses, metric=True)[0][poses.present[:, t], t]
    mapped = joint_matrix(poses.layout, 'nturgb+d') @ metres
    matplotlib.rcParams['svg.fonttype'] = 'none'  # text stays text
    matplotlib.rcParams['svg.hashsalt'] = 'poses'
    figure = Figure(figsize=(10, 3.4), layout='constrained')
    left, middle, right = figure.subplots(1, 3, gridspec_kw={'width_ratios': (1.6, 1, 1)})
    draw_image(left, poses, t, image)
    for axes, bodies, layout in ((middle, metres, poses.layout), (right, mapped, 'nturgb+d')):
        for joints in bodies:
            # Seen from the camera: x of the camera's space is to the left of the image.
            draw_skeleton(axes, joints * (-1, 1, 1), layout, width=1.2)
    for axes, title in zip((left, middle, right), TITLES, strict=True):
        axes.set_title(title, fontsize=10)
        axes.set_aspect('equal')
        axes.axis('off')
    figure.savefig(args.out, metadata={'Date': None}, dpi=100)


if __name__ == '__main__':
    main()
