"""An estimator without a network, and videos of what it finds: bright rectangles for people."""

import cv2
import numpy as np

from mmcl_ext.graphs.layouts import get_layout
from mmcl_ext.preparation.pose import FramePoses, PoseEstimator

SIZE = (96, 64)


class BrightPeople(PoseEstimator):
    """Every bright rectangle is somebody with joints on its diagonal; 100 pixels are a metre."""

    metric = True

    def __init__(self, layout='coco'):
        self.layout, self.shapes, self.resets = layout, [], 0

    def reset(self):
        self.resets += 1

    def __call__(self, image):
        assert image.dtype == np.uint8
        self.shapes.append(image.shape)
        grey = (image.mean(axis=2) > 128).astype(np.uint8)
        boxes = cv2.connectedComponentsWithStats(grey)[2][1:]
        boxes = boxes[boxes[:, 4] > 20].astype(np.float32)
        share = np.linspace(0, 1, get_layout(self.layout).num_joints, dtype=np.float32)[:, None]
        joints = boxes[:, None, :2] + boxes[:, None, 2:4] * share
        depth = np.zeros_like(joints[..., :1])
        world = np.concatenate([joints - joints.mean(axis=1, keepdims=True), depth], axis=2) / 100
        return FramePoses(joints, np.full(joints.shape[:2], 0.9, np.float32), world)


def picture(*lefts, size=SIZE, top=16):
    """An image with people of 12 x 30 pixels at some places, counted from the left."""
    image = np.zeros((size[1], size[0], 3), np.uint8)
    for left in lefts:
        image[top : top + 30, left : left + 12] = 255
    return image


def save_people(path, places, rate=15):
    """A video: for each frame the places of the people."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), rate, SIZE)
    assert writer.isOpened()
    for lefts in places:
        writer.write(picture(*lefts))
    writer.release()
    return path
