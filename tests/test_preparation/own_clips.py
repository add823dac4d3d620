"""A user's own clips: rendered people on video, and their joints in pixels."""

import csv
import json
import pickle

import cv2
import numpy as np

from mmcl_ext.datasets.transforms import InterpolateJoints
from mmcl_ext.synthetic.scene import CAMERA, render
from mmcl_ext.synthetic.synthetic_data import SyntheticData

FRAMES = 20


class OwnClips:
    """Six clips of two people and three actions; the second person is held out."""

    def __init__(self):
        self.data = SyntheticData(train_subjects=1, test_subjects=1, repetitions=1)
        chosen = {split: names[:3] for split, names in self.data.splits.items()}
        self.splits = dict(train=chosen['train'], val=chosen['test'])
        self.names = [*self.splits['train'], *self.splits['val']]

    def joints(self, name):
        """(T, 17, 2) the joints of COCO in pixels."""
        metres = self.data.scene(name).joints[:FRAMES]
        pixels = CAMERA.project(metres).astype(np.float32)
        item = InterpolateJoints('coco')(dict(keypoint=pixels[None], layout=self.data.layout))
        return item['keypoint'][0]

    def save_videos(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name in self.names:
            scene = self.data.scene(name)
            background = scene.room.paint(CAMERA)
            fourcc = cv2.VideoWriter_fourcc(*'mp4v')
            writer = cv2.VideoWriter(str(folder / f'{name}.mp4'), fourcc, 15, CAMERA.size)
            for frame in range(FRAMES):
                writer.write(render(scene, frame, background))
            writer.release()

    def save_poses(self, folder):
        """What MMPose's inferencer writes, and a table of labels."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in self.names:
            frames = [
                dict(
                    frame_id=number,
                    instances=[
                        dict(keypoints=joints.tolist(), keypoint_scores=[0.9] * 17, bbox=[[0] * 4])
                    ],
                )
                for number, joints in enumerate(self.joints(name))
            ]
            (folder / f'{name}.json').write_text(json.dumps(frames))
        self.save_labels(folder / 'labels.csv')

    def save_labels(self, path):
        with path.open('w', newline='') as file:
            table = csv.writer(file)
            table.writerow(('name', 'label', 'split'))
            for split, names in self.splits.items():
                table.writerows((name, f'action{int(name[5:7])}', split) for name in names)

    def save_pickle(self, path):
        annotations = [
            dict(
                frame_dir=name,
                label=index % 3,
                img_shape=CAMERA.size[::-1],
                total_frames=FRAMES,
                keypoint=self.joints(name)[None],
                keypoint_score=np.full((1, FRAMES, 17), 0.9, np.float32),
            )
            for index, name in enumerate(self.names)
        ]
        path.write_bytes(pickle.dumps(dict(split=self.splits, annotations=annotations)))
