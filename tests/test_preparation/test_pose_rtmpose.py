"""RTMPose by rtmlib, with tiny networks of the same shapes in place of the trained ones."""

import numpy as np
import pytest

from mmcl_ext.preparation.pose import build_pose_estimator

JOINTS, WIDTH, HEIGHT = 17, 192, 256


def test_missing_package(monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'rtmlib', None)
    with pytest.raises(ImportError, match=r'RTMPose needs rtmlib .*--no-deps rtmlib'):
        build_pose_estimator('rtmpose')


@pytest.fixture
def files(tmp_path):
    """RTMPose that sees all joints in the middle, YOLOX that finds bright images' middles."""
    pytest.importorskip('rtmlib')
    onnx = pytest.importorskip('onnx')
    from onnx import TensorProto, helper, numpy_helper

    def save(name, size, nodes, outputs, constants):
        values = [numpy_helper.from_array(np.asarray(v, d), n) for n, (v, d) in constants.items()]
        image = helper.make_tensor_value_info('input', TensorProto.FLOAT, [1, 3, *size])
        infos = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in outputs]
        graph = helper.make_graph(nodes, name, [image], infos, values)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
        onnx.save(model, tmp_path / f'{name}.onnx')
        return tmp_path / f'{name}.onnx'

    def simcc(length):
        bins = np.zeros((1, JOINTS, 2 * length), np.float32)
        bins[:, :, length] = 0.8
        return bins, np.float32

    node = helper.make_node
    mean = node('ReduceMean', ['input'], ['mean'], keepdims=1, axes=[0, 1, 2, 3])
    pose = save(
        'pose',
        (HEIGHT, WIDTH),
        [
            mean,
            node('Mul', ['mean', 'zero'], ['nothing']),
            node('Squeeze', ['nothing'], ['none']),
            node('Add', ['x', 'none'], ['simcc_x']),
            node('Add', ['y', 'none'], ['simcc_y']),
        ],
        ['simcc_x', 'simcc_y'],
        dict(x=simcc(WIDTH), y=simcc(HEIGHT), zero=([0.0], np.float32)),
    )
    # Boxes with classes and scores (1, N, 5), and labels, as exports with suppression inside give.
    detector = save(
        'detector',
        (64, 64),
        [
            mean,
            node('Squeeze', ['mean'], ['level']),
            node('Mul', ['level', 'row'], ['dets']),
            node('Cast', ['class'], ['labels'], to=TensorProto.FLOAT),
        ],
        ['dets', 'labels'],
        {
            'row': ([[[16 / 255, 16 / 255, 48 / 255, 48 / 255, 0.9 / 255]]], np.float32),
            'class': ([[0]], np.int64),
        },
    )
    return dict(pose=str(pose), detector=str(detector))


def test_joints_lie_in_the_persons_box(files):
    estimator = build_pose_estimator('rtmpose', **files)
    poses = estimator(np.full((128, 128, 3), 255, np.uint8))
    assert poses.keypoint.shape == (1, JOINTS, 2)
    assert poses.world is None
    np.testing.assert_allclose(poses.keypoint, 64, atol=1)
    np.testing.assert_allclose(poses.score, 0.8, atol=1e-6)


def test_nobody_is_nobody(files):
    poses = build_pose_estimator('rtmpose', **files)(np.zeros((128, 128, 3), np.uint8))
    assert poses.keypoint.shape == (0, JOINTS, 2)


def test_wrong_files(files, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no network 'absent\.onnx'"):
        build_pose_estimator('rtmpose', **{**files, 'pose': 'absent.onnx'})
    (tmp_path / 'text.onnx').write_text('nothing')
    with pytest.raises(ValueError, match=r'text\.onnx is no network of RTMPose'):
        build_pose_estimator('rtmpose', **{**files, 'pose': str(tmp_path / 'text.onnx')})
    with pytest.raises(ValueError, match='mode is one of'):
        build_pose_estimator('rtmpose', mode='huge')
