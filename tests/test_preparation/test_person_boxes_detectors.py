import cv2
import numpy as np
import pytest
import torch
import transformers
from detector_models import LABELS, save_detr, save_rt_detr, save_yolos

from mmcl_ext.datasets.store.box_file import BoxFile
from mmcl_ext.preparation.person_boxes.detect_persons import detect_persons
from mmcl_ext.preparation.person_boxes.detector_boxes import DetectorBoxes
from mmcl_ext.preparation.person_boxes.mmdet_boxes import MMDetPersonBoxes
from mmcl_ext.preparation.person_boxes.transformers_boxes import TransformersPersonBoxes
from mmcl_ext.registry import PERSON_BOXES


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')


def square(frame):
    """Corners of the bright square in a frame of :func:`write_video`."""
    return np.array([4 + 3 * frame, 8 + frame, 20 + 3 * frame, 32 + frame])


def write_video(path, number=9, size=(96, 64), empty=()):
    """A bright rectangle that moves over a dark ground."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 15, size)
    for index in range(number):
        image = np.full((size[1], size[0], 3), 20, np.uint8)
        x1, y1, x2, y2 = square(index)
        image[y1:y2, x1:x2] = 0 if index in empty else 240
        writer.write(image)
    writer.release()


@PERSON_BOXES.register_module()
class BrightBoxes(DetectorBoxes):
    """Finds what is bright: no weights, and the answer is known."""

    batches: list  # shapes that were computed together

    def load(self):
        self.batches = []

    def detect(self, frames):
        self.batches.append([frame.shape for frame in frames])
        found = []
        for frame in frames:
            y, x = np.nonzero(frame.mean(2) > 128)
            box = [x.min(), y.min(), x.max() + 1, y.max() + 1, 0.9] if len(x) else None
            found.append(np.array([box] if box else np.zeros((0, 5)), np.float64).reshape(-1, 5))
        return found


def test_boxes_of_sampled_frames(tmp_path):
    write_video(tmp_path / 'videos/a_rgb.avi', 9)
    write_video(tmp_path / 'videos/b.avi', 7, empty=(3,))
    cfg = dict(source=dict(type='BrightBoxes', num_tiles=3))
    report = detect_persons(cfg, tmp_path / 'videos', tmp_path / 'boxes', progress=False)
    file = BoxFile(tmp_path / 'boxes')
    assert file.names == ('a', 'b')
    assert file.frame_numbers('a').tolist() == [1, 4, 7]
    assert file.frame_numbers('b').tolist() == [1, 3, 5]
    np.testing.assert_allclose(file.read('a')[0], [square(i) for i in (1, 4, 7)], atol=1)
    boxes, found = file.read('b')
    assert found.tolist() == [True, False, True]
    np.testing.assert_allclose(boxes, [square(1), [0, 0, 96, 64], square(5)], atol=1)
    assert (file.num_frames('b'), file.image_size('b')) == (7, (96, 64))
    assert report.count == (6, 1, 1)
    assert 'no person in 1 frame of 1 sample (the whole frame instead)' in str(report)


def test_boxes_of_all_frames_and_the_nearest_one(tmp_path):
    write_video(tmp_path / 'videos/b.avi', 6, empty=(0, 1))
    cfg = dict(source=dict(type='BrightBoxes', all_frames=True, fallback='nearest'))
    detect_persons(cfg, tmp_path / 'videos', tmp_path / 'boxes', progress=False)
    file = BoxFile(tmp_path / 'boxes')
    assert file.frame_numbers('b').tolist() == list(range(6))
    expected = [square(max(index, 2)) for index in range(6)]
    np.testing.assert_allclose(file.read('b')[0], expected, atol=1)
    assert file.read('b')[1].tolist() == [False, False, True, True, True, True]


def test_interrupted_run_ends_like_an_unbroken_one(tmp_path, monkeypatch):
    for number in range(5):
        write_video(tmp_path / f'videos/{number}.avi', 6 + number)
    cfg = dict(source=dict(type='BrightBoxes', num_tiles=2), batch_size=1, chunk_size=2)
    detect_persons(cfg, tmp_path / 'videos', tmp_path / 'whole', progress=False)
    compute, calls = BrightBoxes.compute, []

    def interrupted(self, items):
        calls.append(len(items))
        if len(calls) == 4:  # the second sample of the second chunk
            raise KeyboardInterrupt
        return compute(self, items)

    monkeypatch.setattr(BrightBoxes, 'compute', interrupted)
    with pytest.raises(KeyboardInterrupt):
        detect_persons(cfg, tmp_path / 'videos', tmp_path / 'boxes', progress=False)
    assert not (tmp_path / 'boxes').exists()
    report = detect_persons(cfg, tmp_path / 'videos', tmp_path / 'boxes', progress=False)
    assert (report.total, report.present) == (5, 2)
    assert calls == [1] * 7
    assert (tmp_path / 'boxes').read_bytes() == (tmp_path / 'whole').read_bytes()
    assert not (tmp_path / 'boxes.shards').exists()


def test_only_frames_of_one_size_go_together(tmp_path):
    sizes = [(96, 64), (96, 64), (80, 64), (96, 64)]
    for number, size in enumerate(sizes):
        write_video(tmp_path / f'{number}.avi', 4, size)
    source = BrightBoxes(tmp_path, num_tiles=2, frames_per_batch=3)
    source.load()
    results = source.compute([source.read(name) for name in source.names])
    assert [[shape[1] for shape in batch] for batch in source.batches] == [
        [96, 96, 96],
        [96],
        [80, 80],
        [96, 96],
    ]
    for result, size in zip(results, sizes, strict=True):
        np.testing.assert_allclose(result.values['boxes'], [square(1), square(3)], atol=1)
        assert result.values['video'].tolist() == [4, *size]


def test_unreadable_videos_stop_or_are_skipped(tmp_path):
    videos = tmp_path / 'videos'
    write_video(videos / 'good.avi')
    write_video(videos / 'none.avi', 0)
    (videos / 'empty.avi').write_bytes(b'')
    (videos / 'noise.mp4').write_bytes(b'not a video' * 50)
    cfg = dict(source=dict(type='BrightBoxes'))
    with pytest.raises(ValueError, match=r'empty[.]avi'):
        detect_persons(cfg, videos, tmp_path / 'boxes', progress=False)
    assert not (tmp_path / 'boxes').exists()
    report = detect_persons(cfg, videos, tmp_path / 'boxes', on_error='skip', progress=False)
    assert sorted(report.skipped) == ['empty', 'noise', 'none']
    assert '4 samples, 1 boxed, 0 were there, 3 skipped; 5 boxes' in str(report)
    assert BoxFile(tmp_path / 'boxes').names == ('good',)
    with pytest.raises(FileNotFoundError, match='no folder of videos'):
        detect_persons(cfg, tmp_path / 'elsewhere', tmp_path / 'other', progress=False)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(threshold=1.0), 'threshold must lie in'),
        (dict(frames_per_batch=0), 'frames_per_batch must be at least 1'),
        (dict(dtype='int8'), "dtype is 'int8'"),
    ],
)
def test_wrong_settings_are_named(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        TransformersPersonBoxes(tmp_path, 'model', **change)


# --- transformers ----------------------------------------------------------------------------

FRAMES = [
    np.random.default_rng(0).integers(0, 255, (60, 90, 3), dtype=np.uint8),
    cv2.circle(np.zeros((60, 90, 3), np.uint8), (30, 30), 20, (250, 120, 10), -1),
]


def one_by_one(folder, auto, processor, frame, focal):
    """Detections of a frame by the model alone: its logits and boxes, taken apart by hand."""
    model = auto.from_pretrained(folder).eval()
    inputs = processor.from_pretrained(folder)(images=frame[:, :, ::-1], return_tensors='pt')
    with torch.inference_mode():
        outputs = model(**inputs)
    logits, boxes = outputs.logits[0], outputs.pred_boxes[0].numpy()
    if focal:  # the best of all (query, class) pairs, as many as there are queries
        scores = logits.sigmoid().numpy()
        rows, labels = np.unravel_index(np.argsort(-scores, axis=None)[: len(scores)], scores.shape)
        scores = scores[rows, labels]
    else:
        scores = logits.softmax(-1)[:, :-1].numpy()
        rows, labels = np.arange(len(scores)), scores.argmax(1)
        scores = scores.max(1)
    x, y, w, h = (boxes[rows] * np.array([90, 60, 90, 60])).T
    found = np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2, scores], axis=1)
    keep = np.isin(labels, [key for key, name in LABELS.items() if name.lower() == 'person'])
    return found[keep & (scores > 0.1)]


@pytest.mark.parametrize(
    ('save', 'auto', 'processor', 'focal'),
    [
        (
            save_yolos,
            transformers.YolosForObjectDetection,
            transformers.YolosImageProcessorPil,
            False,
        ),
        (
            save_rt_detr,
            transformers.RTDetrForObjectDetection,
            transformers.RTDetrImageProcessorPil,
            True,
        ),
        (save_detr, transformers.DetrForObjectDetection, transformers.DetrImageProcessorPil, False),
    ],
)
def test_transformers_against_the_model_alone(tmp_path, save, auto, processor, focal):
    folder = save(tmp_path / 'model', seed=0 if save is save_detr else 2)
    source = TransformersPersonBoxes(tmp_path, folder, threshold=0.1)
    source.load()
    with torch.inference_mode():
        detections = source.detect(FRAMES)
    for found, frame in zip(detections, FRAMES, strict=True):
        expected = one_by_one(folder, auto, processor, frame, focal)
        assert len(expected) > 0
        order, other = (np.lexsort(rows.round(2).T) for rows in (found, expected))
        np.testing.assert_allclose(found[order], expected[other], rtol=1e-3, atol=1e-2)
    assert not np.allclose(detections[0][0], detections[1][0])


def test_half_precision_stays_near(tmp_path):
    folder = save_yolos(tmp_path / 'model', seed=2)
    found = {}
    for dtype in ('float32', 'bfloat16'):
        source = TransformersPersonBoxes(tmp_path, folder, threshold=0.0, dtype=dtype)
        source.load()
        with torch.inference_mode():
            found[dtype] = source.detect(FRAMES[:1])[0]
        assert source.recipe['dtype'] == dtype
    assert found['float32'].shape == found['bfloat16'].shape
    difference = np.abs(found['float32'] - found['bfloat16'])
    assert 0 < difference.max() < 5


def test_labels_of_the_model_are_asked(tmp_path):
    folder = save_yolos(tmp_path / 'model', labels={0: 'cat', 1: 'dog'})
    with pytest.raises(ValueError, match=r"has no label 'person', it has cat, dog"):
        TransformersPersonBoxes(tmp_path, folder).load()
    source = TransformersPersonBoxes(tmp_path, folder, label='DOG')
    source.load()
    assert source._persons == (1,)


def test_missing_model_is_named(tmp_path):
    with pytest.raises(OSError, match='nowhere'):
        TransformersPersonBoxes(tmp_path, tmp_path / 'nowhere').load()


def test_other_weights_are_another_recipe(tmp_path):
    recipes = [
        TransformersPersonBoxes(tmp_path, save_yolos(tmp_path / 'model', seed)).recipe
        for seed in (0, 0, 1)
    ]
    assert recipes[0] == recipes[1]
    assert recipes[0]['model_hash'] != recipes[2]['model_hash']


def test_missing_mmdetection_is_one_clear_error(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, 'mmdet', None)
    with pytest.raises(ValueError, match=r'requirements/detect[.]txt') as caught:
        MMDetPersonBoxes(tmp_path, 'rtmdet_tiny_8xb32-300e_coco')
    assert '\n' not in str(caught.value)
