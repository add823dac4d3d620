"""MMDetection's detectors with random weights; needs requirements/detect.txt."""

import cv2
import numpy as np
import pytest
import torch

from mmcl_ext.datasets.store.box_file import BoxFile
from mmcl_ext.preparation.person_boxes.detect_persons import detect_persons
from mmcl_ext.preparation.person_boxes.mmdet_boxes import (
    MMDetPersonBoxes,
    find_mmdet_config,
    published_checkpoint,
)

pytestmark = pytest.mark.detect

RTMDET, YOLOX = 'rtmdet_tiny_8xb32-300e_coco', 'yolox_tiny_8xb8-300e_coco'
FRAMES = [
    np.random.default_rng(0).integers(0, 255, (90, 160, 3), dtype=np.uint8),
    cv2.circle(np.zeros((90, 160, 3), np.uint8), (60, 40), 30, (250, 120, 10), -1),
]


def test_shipped_configurations_are_found(tmp_path):
    path = find_mmdet_config(RTMDET)
    assert path.name == f'{RTMDET}.py'
    assert find_mmdet_config(path) == path
    assert find_mmdet_config(path.name) == path
    with pytest.raises(FileNotFoundError, match="'yolov99' is neither a file"):
        find_mmdet_config('yolov99')


@pytest.mark.parametrize('name', ['boxes_rtmdet.py', 'boxes_yolox.py'])
def test_shipped_configurations_of_ours_name_weights(repo, tmp_path, name):
    from mmengine.config import Config

    source = Config.fromfile(repo / 'configs/preparation' / name).source
    assert source.checkpoint == 'published'
    url = published_checkpoint(find_mmdet_config(source.config))
    assert url.startswith('https://download.openmmlab.com/mmdetection/')
    other = tmp_path / 'own.py'
    other.write_text('model = dict()')
    with pytest.raises(ValueError, match='no published weights for own'):
        published_checkpoint(other)


def reference(config, checkpoint, frame):
    """Detections by MMDetection's own interface."""
    from mmdet.apis import inference_detector, init_detector

    model = init_detector(str(find_mmdet_config(config)), str(checkpoint), device='cpu')
    return inference_detector(model, frame).pred_instances


@pytest.mark.parametrize('config', [RTMDET, YOLOX])
def test_against_mmdetections_own_interface(tmp_path, config):
    source = MMDetPersonBoxes(tmp_path, config, threshold=0.01, seed=1)
    source.load()
    path = tmp_path / 'weights.pth'
    torch.save({'state_dict': source.model.state_dict(), 'meta': {}}, path)
    everything = reference(config, path, FRAMES[1])
    # Random weights see no persons in particular: take what they see most.
    chosen = int(everything.labels.mode().values)
    keep = (everything.labels == chosen) & (everything.scores >= 0.01)
    expected = torch.cat([everything.bboxes, everything.scores[:, None]], 1)[keep].numpy()
    assert len(expected) > 0
    other = MMDetPersonBoxes(tmp_path, config, checkpoint=path, threshold=0.01, person_class=chosen)
    other.load()
    with torch.inference_mode():
        np.testing.assert_allclose(other.detect(FRAMES)[1], expected, rtol=1e-3, atol=1e-2)
    other.person_class = chosen + 1
    others = (everything.labels == chosen + 1) & (everything.scores >= 0.01)
    assert len(other._keep_persons(everything)) == int(others.sum())
    assert other.recipe['weights_hash'] != source.recipe['weights_hash'] == 'random, seed 1'


def test_wrong_checkpoints_are_named(tmp_path):
    path = tmp_path / 'weights.pth'
    with pytest.raises(FileNotFoundError, match=r'no checkpoint at .*weights[.]pth'):
        MMDetPersonBoxes(tmp_path, YOLOX, checkpoint=path).load()
    torch.save({'state_dict': {'a': torch.zeros(1)}}, path)
    with pytest.raises(ValueError, match='not a checkpoint of this configuration: it lacks'):
        MMDetPersonBoxes(tmp_path, YOLOX, checkpoint=path).load()


@pytest.mark.parametrize('config', [RTMDET, YOLOX])
def test_ntu_video(tmp_path, shared, config):
    cfg = dict(type='MMDetPersonBoxes', config=config, threshold=0.01, num_tiles=2)
    videos = shared / 'datasets/ntu_sample'
    report = detect_persons(dict(source=cfg), videos, tmp_path / 'boxes', progress=False)
    file = BoxFile(tmp_path / 'boxes')
    assert file.names == ('S001C001P001R001A001',)
    boxes, _ = file.read(file.names[0])
    assert file.frame_numbers(file.names[0]).tolist() == [25, 77]
    assert file.image_size(file.names[0]) == (1920, 1080)
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    assert (boxes >= 0).all()
    assert (boxes <= [1920, 1080, 1920, 1080]).all()
    assert report.count.boxes == 2
    assert file.metadata['recipe']['config'] == config
