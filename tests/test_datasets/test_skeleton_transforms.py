"""Numbers worked out by hand, independent formulas, and invariances."""

import copy
import random
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmcl_ext.datasets import transforms
from mmcl_ext.datasets.transforms.geometry import real_frames, resize_time, rotation_matrix
from mmcl_ext.graphs.layouts import get_layout, register_layout
from mmcl_ext.registry import TRANSFORMS

TRANSFORM_NAMES = [name for name in vars(transforms) if name[0].isupper()]


def _results(keypoint: Any, layout: str = 'nturgb+d-ctrgcn', **more: Any) -> dict[str, Any]:
    keypoint = np.asarray(keypoint, np.float32)
    return dict(
        keypoint=keypoint,
        layout=layout,
        total_frames=keypoint.shape[1],
        num_person=keypoint.shape[0],
        **more,
    )


def _random(M: int = 2, T: int = 20, V: int = 25, C: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(M, T, V, C)).astype(np.float32)


def _ramp(length: int) -> np.ndarray:
    """A sequence whose every coordinate is the number of the frame, counted from 1."""
    ramp = np.arange(1, length + 1, dtype=np.float32)
    return np.broadcast_to(ramp[None, :, None, None], (1, length, 25, 3)).copy()


@pytest.mark.parametrize('name', TRANSFORM_NAMES)
def test_every_transform_is_registered_and_describes_itself(name: str) -> None:
    transform = TRANSFORMS.build(dict(type=name))
    assert type(transform) is getattr(transforms, name)
    assert repr(transform).startswith(f'{name}(')
    rebuilt = eval(repr(transform), {name: type(transform)})
    assert vars(rebuilt) == vars(transform)


@pytest.mark.parametrize('name', TRANSFORM_NAMES)
def test_padded_persons_stay_zero(name: str) -> None:
    """A person who is not there, or not there yet, is zeros before and after."""
    keypoint = _random()
    keypoint[1] = 0
    np.random.seed(0)
    results = TRANSFORMS.build(dict(type=name))(_results(keypoint))
    persons = results['keypoint'].reshape(2, -1)
    assert persons[0].any()
    assert not persons[1].any()


@pytest.mark.parametrize('name', TRANSFORM_NAMES)
@pytest.mark.parametrize('keypoint', [np.zeros((2, 6, 25, 3)), _random(1, 1)])
def test_empty_and_single_frame_sequences(name: str, keypoint: np.ndarray) -> None:
    result = TRANSFORMS.build(dict(type=name))(_results(keypoint))['keypoint']
    assert result.dtype == np.float32
    assert np.isfinite(result).all()
    assert result.any() == keypoint.any()


@pytest.mark.parametrize('name', TRANSFORM_NAMES)
def test_two_dimensional_skeletons(name: str) -> None:
    transform = TRANSFORMS.build(dict(type=name))
    results = _results(_random(V=17, C=2), layout='coco')
    if name in ('AlignSkeleton', 'FaceSensor', 'RandomRotation', 'RandomView'):
        with pytest.raises(ValueError, match=f'{name} needs C = 3 coordinates, got C = 2'):
            transform(results)
    else:
        assert transform(results)['keypoint'].shape[-1] == 2


@pytest.mark.parametrize('name', TRANSFORM_NAMES)
def test_results_follow_the_global_generators(name: str) -> None:
    def once() -> np.ndarray:
        random.seed(1), np.random.seed(1), torch.manual_seed(1)
        config = dict(type=name) | (dict(random=True) if name == 'PickFrames' else {})
        return TRANSFORMS.build(config)(_results(_random(T=90)))['keypoint']

    np.testing.assert_array_equal(once(), once())


@pytest.mark.parametrize(
    ('config', 'message'),
    [
        (dict(type='ValidCropResize', p_interval=(0.5, 0.7, 1)), 'p_interval'),
        (dict(type='ValidCropResize', p_interval=1.5), r'\(1.5,\)'),
        (dict(type='ValidCropResize', window=0), 'window 0'),
        (dict(type='RandomRotation', theta=-1), 'theta'),
        (dict(type='SkeletonStream', stream='flow'), 'flow'),
        (dict(type='FormatSkeleton', pad='loop'), 'loop'),
        (dict(type='FormatSkeleton', num_person=0), 'num_person'),
        (dict(type='RandomView', max_degrees=-1), 'max_degrees'),
        (dict(type='RandomView', scale=(2, 1)), r'\(2, 1\)'),
        (dict(type='PickFrames', num_frames=0), 'num_frames'),
        (dict(type='RandomMirror', prob=2), 'prob'),
        (dict(type='RandomScale', scale=1), 'scale'),
        (dict(type='RandomJointDrop', prob=1), 'prob'),
        (dict(type='RandomPartDrop', prob=1), 'prob'),
        (dict(type='RandomPartDrop', parts=()), 'parts'),
        (dict(type='UniformSample', clip_len=0), 'clip_len 0'),
        (dict(type='UniformSample', p_interval=(0.5, 2)), r'\(0.5, 2\)'),
    ],
)
def test_wrong_arguments_are_named(config: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TRANSFORMS.build(config)


class TestCenterSkeleton:
    def test_first_real_frame_of_person_0(self) -> None:
        keypoint = _random()
        keypoint[0, :3] = 0
        keypoint[1, 5:] = 0
        result = transforms.CenterSkeleton(joint=1)(_results(keypoint))['keypoint']
        origin = keypoint[0, 3, 1]
        np.testing.assert_array_equal(result[0, 3:], keypoint[0, 3:] - origin)
        np.testing.assert_array_equal(result[1, :5], keypoint[1, :5] - origin)
        assert not result[0, :3].any()
        assert not result[1, 5:].any()
        np.testing.assert_array_equal(result[0, 3, 1], 0)

    def test_translation_does_not_matter(self) -> None:
        keypoint = _random()
        center = transforms.CenterSkeleton()
        moved = center(_results(keypoint + np.float32([3, -2, 1])))['keypoint']
        np.testing.assert_allclose(moved, center(_results(keypoint))['keypoint'], atol=2e-6)

    def test_input_is_not_changed(self) -> None:
        keypoint = _random()
        before = keypoint.copy()
        transforms.CenterSkeleton()(_results(keypoint))
        np.testing.assert_array_equal(keypoint, before)

    def test_joint_outside_is_named(self) -> None:
        with pytest.raises(ValueError, match='joint 25 is outside the 25 joints'):
            transforms.CenterSkeleton(joint=25)(_results(_random()))


class TestResize:
    def test_hand_made_numbers(self) -> None:
        five = np.arange(5, dtype=np.float32).reshape(1, 5, 1, 1)
        wanted = [0, 0.4375, 1.0625, 1.6875, 2.3125, 2.9375, 3.5625, 4]
        assert resize_time(five, 8).ravel().tolist() == wanted

    def test_ramp(self) -> None:
        ramp = np.arange(100, dtype=np.float32).reshape(1, 100, 1, 1)
        result = resize_time(ramp, 64).ravel()
        assert result[:3].tolist() == [0.28125, 1.84375, 3.40625]
        assert result[-2:].tolist() == [97.15625, 98.71875]

    @pytest.mark.parametrize('length', [1, 2, 5, 33, 63, 64, 65, 101, 300])
    def test_equals_torch(self, length: int) -> None:
        keypoint = _random(2, length, 5)
        rows = torch.from_numpy(keypoint).permute(0, 2, 3, 1).reshape(1, 1, -1, length)
        wanted = F.interpolate(
            rows, size=(rows.shape[2], 64), mode='bilinear', align_corners=False
        ).reshape(2, 5, 3, 64)
        wanted = wanted.permute(0, 3, 1, 2).numpy()
        np.testing.assert_allclose(resize_time(keypoint, 64), wanted, rtol=0, atol=1e-6)


class TestValidCropResize:
    @pytest.mark.parametrize(
        ('valid', 'bias', 'kept'),
        [(20, 0, 20), (40, 1, 38), (67, 1, 65), (100, 2, 96), (103, 2, 99), (300, 7, 286)],
    )
    def test_middle_crop(self, valid: int, bias: int, kept: int) -> None:
        """Published examples; with the window as long as the crop nothing is resampled."""
        keypoint = np.concatenate([_ramp(valid), np.zeros((1, 30, 25, 3), np.float32)], axis=1)
        transform = transforms.ValidCropResize(window=kept, p_interval=(0.95,))
        results = transform(_results(keypoint))
        wanted = np.arange(bias + 1, bias + kept + 1)
        np.testing.assert_array_equal(results['keypoint'][0, :, 7, 1], wanted)
        assert results['total_frames'] == kept

    def test_random_crop_follows_the_rule(self) -> None:
        np.random.seed(0)
        transform = transforms.ValidCropResize(window=64, p_interval=(0.5, 1.0))
        np.random.seed(7)
        result = transform(_results(_ramp(200)))['keypoint'][0, :, 0, 0]
        np.random.seed(7)
        p = 0.5 + 0.5 * np.random.rand()
        length = max(int(200 * p), 64)
        start = np.random.randint(0, 200 - length + 1)
        wanted = resize_time(_ramp(200)[:, start : start + length], 64)[0, :, 0, 0]
        np.testing.assert_array_equal(result, wanted)

    def test_random_crop_covers_its_range(self) -> None:
        np.random.seed(0)
        transform = transforms.ValidCropResize(window=2, p_interval=(0.5, 1.0))
        starts, lengths = set(), set()
        for _ in range(400):
            start, stop = transform._crop(130)
            assert 0 <= start < stop <= 130
            starts.add(start)
            lengths.add(stop - start)
        assert min(lengths) == 65
        assert max(lengths) >= 128
        assert max(starts) > 55

    @pytest.mark.parametrize('length', [1, 40, 64])
    def test_short_sequences_are_never_cropped(self, length: int) -> None:
        transform = transforms.ValidCropResize(window=64, p_interval=(0.5, 1.0))
        result = transform(_results(_ramp(length)))['keypoint']
        np.testing.assert_array_equal(result, resize_time(_ramp(length), 64))

    def test_single_frame_is_repeated(self) -> None:
        keypoint = _random(1, 1)
        result = transforms.ValidCropResize(window=8)(_results(keypoint))['keypoint']
        np.testing.assert_allclose(result, np.repeat(keypoint, 8, axis=1), rtol=3e-7)

    def test_second_person_counts_as_valid(self) -> None:
        keypoint = np.concatenate([_ramp(20), _ramp(20)])
        keypoint[0, 10:] = 0
        transform = transforms.ValidCropResize(window=20, p_interval=(1.0,))
        np.testing.assert_array_equal(transform(_results(keypoint))['keypoint'], keypoint)

    def test_scores_are_cropped_alike(self) -> None:
        keypoint = _ramp(100)
        results = _results(keypoint, keypoint_score=keypoint[..., 0])
        results = transforms.ValidCropResize(window=32)(results)
        np.testing.assert_array_equal(results['keypoint_score'], results['keypoint'][..., 0])


class TestRandomRotation:
    def test_matrix(self) -> None:
        wanted = [
            [0.936293, 0.312992, -0.159345],
            [-0.289629, 0.944702, 0.153792],
            [0.198669, -0.097843, 0.97517],
        ]
        np.testing.assert_allclose(rotation_matrix((0.1, 0.2, 0.3)), wanted, atol=1e-6)

    def test_angles_come_from_torch(self) -> None:
        keypoint = _random()
        torch.manual_seed(3)
        result = transforms.RandomRotation(theta=0.3)(_results(keypoint))['keypoint']
        torch.manual_seed(3)
        angles = torch.zeros(3).uniform_(-0.3, 0.3).tolist()
        wanted = np.einsum('ij,mtvj->mtvi', rotation_matrix(angles), keypoint)
        np.testing.assert_allclose(result, wanted, atol=1e-5)

    def test_lengths_are_kept(self) -> None:
        keypoint = _random()
        result = transforms.RandomRotation(theta=3.0)(_results(keypoint))['keypoint']
        assert np.abs(result - keypoint).max() > 0.1
        np.testing.assert_allclose(
            np.linalg.norm(result, axis=-1), np.linalg.norm(keypoint, axis=-1), rtol=1e-5
        )


_LIMBS = dict(elbow='shoulder', wrist='elbow', knee='hip', ankle='knee')
_KINECT_LIMBS = dict(_LIMBS, hand='wrist', foot='ankle')
_NTU_LIMBS = dict(_KINECT_LIMBS, shoulder='=spine_shoulder', hip='=spine_base', thumb='hand')
_NTU_TRUNK = dict(
    spine_base='spine_mid', spine_mid='spine_shoulder', neck='spine_shoulder', head='neck'
)
_FACE = dict(eye='=nose', ear='eye')
PARENTS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    # joints of both sides ('=': the parent has no side), and those in the middle
    'nturgb+d': (dict(_NTU_LIMBS, hand_tip='hand'), _NTU_TRUNK),
    'nturgb+d-ctrgcn': (dict(_NTU_LIMBS, hand_tip='thumb'), _NTU_TRUNK),
    'kinect_v1': (
        dict(_KINECT_LIMBS, shoulder='=shoulder_center', hip='=hip_center'),
        dict(hip_center='spine', spine='shoulder_center', head='shoulder_center'),
    ),
    'coco': (dict(_LIMBS, **_FACE, shoulder='=nose', hip='shoulder'), {}),
    'openpose': (dict(_LIMBS, **_FACE, shoulder='=neck', hip='shoulder'), dict(nose='neck')),
}


def _parents(layout: str) -> dict[str, str]:
    limbs, trunk = PARENTS[layout]
    parents = dict(trunk)
    for side in ('left', 'right'):
        for child, parent in limbs.items():
            name = parent[1:] if parent.startswith('=') else f'{side}_{parent}'
            parents[f'{side}_{child}'] = name
    return parents


class TestSkeletonStream:
    def test_a_layout_registered_anew_has_new_bones(self) -> None:
        keypoint = np.array([0, 1, 4], 'f4').reshape(1, 1, 3, 1)
        for edges, bones in (([(1, 0), (2, 1)], [0, 1, 3]), ([(1, 0), (2, 0)], [0, 1, 4])):
            register_layout(dict(name='anew', num_node=3, edges=edges, center=0), force=True)
            results = dict(keypoint=keypoint, layout='anew')
            result = transforms.SkeletonStream('bone')(results)['keypoint']
            assert result.ravel().tolist() == bones

    def test_bones_of_ntu(self) -> None:
        """The bone list as CTR-GCN prints it, counted from one."""
        pairs = (
            '1,2 2,21 3,21 4,3 5,21 6,5 7,6 8,7 9,21 10,9 11,10 12,11 13,1 14,13 15,14 16,15 '
            '17,1 18,17 19,18 20,19 21,21 22,23 23,8 24,25 25,12'
        )
        keypoint = _random()
        result = transforms.SkeletonStream('bone')(_results(keypoint))['keypoint']
        for pair in pairs.split():
            a, b = (int(joint) - 1 for joint in pair.split(','))
            np.testing.assert_array_equal(result[:, :, a], keypoint[:, :, a] - keypoint[:, :, b])

    def test_hand_tips_differ_between_the_layouts(self) -> None:
        keypoint = _random()
        stream = transforms.SkeletonStream('bone')
        result = stream(_results(keypoint, layout='nturgb+d'))['keypoint']
        np.testing.assert_array_equal(result[:, :, 21], keypoint[:, :, 21] - keypoint[:, :, 7])

    @pytest.mark.parametrize('layout', PARENTS)
    def test_four_streams_of_every_layout(self, layout: str) -> None:
        """Against parents by name, from a sequence of three frames."""
        names = get_layout(layout).joint_names
        keypoint = _random(V=len(names), T=3)
        bone = np.zeros_like(keypoint)  # that of the root stays zero
        for child, parent in _parents(layout).items():
            a, b = names.index(child), names.index(parent)
            bone[:, :, a] = keypoint[:, :, a] - keypoint[:, :, b]
        assert len(_parents(layout)) == len(names) - 1
        wanted = dict(joint=keypoint, bone=bone)
        for key, values in list(wanted.items()):
            motion = np.zeros_like(values)
            motion[:, 0], motion[:, 1] = values[:, 1] - values[:, 0], values[:, 2] - values[:, 1]
            wanted[f'{key}_motion'] = motion
        for stream, values in wanted.items():
            transform = transforms.SkeletonStream(stream)
            result = transform(_results(keypoint.copy(), layout))['keypoint']
            np.testing.assert_allclose(result, values, rtol=0, atol=1e-6, err_msg=stream)

    def test_no_layout_is_left_out(self) -> None:
        assert set(PARENTS) >= {'nturgb+d', 'nturgb+d-ctrgcn', 'kinect_v1', 'coco', 'openpose'}

    @pytest.mark.parametrize('layout', ['nturgb+d', 'kinect_v1', 'coco', 'openpose'])
    def test_bones_do_not_see_translations(self, layout: str) -> None:
        V = get_layout(layout).num_joints
        keypoint = _random(V=V)
        stream = transforms.SkeletonStream('bone')
        moved = stream(_results(keypoint + 1, layout))['keypoint']
        np.testing.assert_allclose(moved, stream(_results(keypoint, layout))['keypoint'], atol=1e-6)

    def test_motion(self) -> None:
        keypoint = _random()
        result = transforms.SkeletonStream('joint_motion')(_results(keypoint))['keypoint']
        np.testing.assert_array_equal(result[:, :-1], np.diff(keypoint, axis=1))
        assert not result[:, -1].any()

    def test_bone_motion_is_the_motion_of_bones(self) -> None:
        keypoint = _random()
        bones = transforms.SkeletonStream('bone')(_results(keypoint))
        wanted = transforms.SkeletonStream('joint_motion')(bones)['keypoint']
        result = transforms.SkeletonStream('bone_motion')(_results(keypoint))['keypoint']
        np.testing.assert_array_equal(result, wanted)

    def test_k_bones_of_protogcn(self) -> None:
        """Its list of joints and what is subtracted from them, counted from 0."""
        pairs = (
            '0,20 1,1 2,2 3,20 4,4 5,20 6,4 7,5 8,8 9,20 10,8 11,9 12,1 13,0 14,12 15,13 16,1 17,0 '
            '18,16 19,17 21,7 20,20 22,6 23,11 24,10'
        )
        keypoint = _random()
        results = _results(keypoint, layout='nturgb+d-ctrgcn')
        result = transforms.SkeletonStream('k_bone')(results)['keypoint']
        for pair in pairs.split():
            a, b = map(int, pair.split(','))
            np.testing.assert_array_equal(result[:, :, a], keypoint[:, :, a] - keypoint[:, :, b])
        moving = transforms.SkeletonStream('k_bone_motion')(
            _results(keypoint, layout='nturgb+d-ctrgcn')
        )['keypoint']
        np.testing.assert_array_equal(moving[:, :-1], np.diff(result, axis=1))

    def test_joints_can_follow_the_stream(self) -> None:
        keypoint = _random()
        bones = transforms.SkeletonStream('bone')(_results(keypoint))['keypoint']
        both = transforms.SkeletonStream('bone', keep_joints=True)(_results(keypoint))['keypoint']
        np.testing.assert_array_equal(both, np.concatenate((bones, keypoint), axis=-1))

    def test_joint_stream_changes_nothing(self) -> None:
        keypoint = _random()
        result = transforms.SkeletonStream()(_results(keypoint.copy()))['keypoint']
        np.testing.assert_array_equal(result, keypoint)

    def test_layout_that_does_not_fit_is_named(self) -> None:
        with pytest.raises(ValueError, match="layout 'coco' has 17 joints, the skeleton 25"):
            transforms.SkeletonStream('bone')(_results(_random(), layout='coco'))


class TestFormatSkeleton:
    def test_pads_with_zeros(self) -> None:
        keypoint = _random(1)
        results = transforms.FormatSkeleton(num_person=2)(_results(keypoint))
        assert results['keypoint'].shape == (1, 2, 20, 25, 3)
        np.testing.assert_array_equal(results['keypoint'][0, 0], keypoint[0])
        assert not results['keypoint'][0, 1].any()
        assert results['num_person'] == 2

    def test_pads_with_copies(self) -> None:
        keypoint = _random(1)
        result = transforms.FormatSkeleton(3, pad='copy')(_results(keypoint))['keypoint']
        for m in range(3):
            np.testing.assert_array_equal(result[0, m], keypoint[0])

    def test_copies_are_of_the_first_person(self) -> None:
        keypoint = _random(2)
        result = transforms.FormatSkeleton(4, pad='copy')(_results(keypoint))['keypoint'][0]
        np.testing.assert_array_equal(result, keypoint[[0, 1, 0, 0]])

    def test_copy_leaves_a_second_person_alone(self) -> None:
        keypoint = _random(2)
        result = transforms.FormatSkeleton(2, pad='copy')(_results(keypoint))['keypoint']
        np.testing.assert_array_equal(result[0], keypoint)

    def test_cuts(self) -> None:
        keypoint = _random(3)
        result = transforms.FormatSkeleton(2)(_results(keypoint))['keypoint']
        np.testing.assert_array_equal(result[0], keypoint[:2])

    @pytest.mark.parametrize('M', [1, 2, 3])
    def test_clips_as_mmaction_splits_them(self, M: int) -> None:
        from mmaction.datasets.transforms import FormatGCNInput

        results = _results(_random(M), num_clips=4)
        wanted = FormatGCNInput(num_person=2)(copy.deepcopy(results))['keypoint']
        result = transforms.FormatSkeleton(2)(results)['keypoint']
        np.testing.assert_array_equal(result, wanted)
        assert result.flags.c_contiguous

    def test_clips_that_do_not_fit_are_named(self) -> None:
        with pytest.raises(ValueError, match='20 frames cannot be split into 3 clips'):
            transforms.FormatSkeleton()(_results(_random(), num_clips=3))


class TestNormalizeRange:
    def test_each_axis_fills_the_range(self) -> None:
        keypoint = _random() * np.float32([1, 5, 0.1]) + np.float32([3, 0, -2])
        keypoint[1, 7:] = 0
        result = transforms.NormalizeRange()(_results(keypoint))['keypoint']
        real = result[real_frames(keypoint)]
        np.testing.assert_allclose(real.min(axis=(0, 1)), -1, atol=1e-6)
        np.testing.assert_allclose(real.max(axis=(0, 1)), 1, atol=1e-6)
        assert not result[1, 7:].any()

    def test_flat_axis_becomes_zero(self) -> None:
        keypoint = _random()
        keypoint[..., 2] = 4
        result = transforms.NormalizeRange()(_results(keypoint))['keypoint']
        assert not result[..., 2].any()


class TestRandomView:
    def test_angles_and_scale(self) -> None:
        keypoint = _random()
        np.random.seed(2)
        result = transforms.RandomView()(_results(keypoint))['keypoint']
        np.random.seed(2)
        x, y = np.deg2rad(np.random.randint(-60, 61, size=2))
        scale = np.random.uniform(0.5, 1.5)
        about_x = [[1, 0, 0], [0, np.cos(x), np.sin(x)], [0, -np.sin(x), np.cos(x)]]
        about_y = [[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]]
        wanted = scale * np.einsum('mtvi,ij,jk->mtvk', keypoint, about_y, about_x)
        np.testing.assert_allclose(result, wanted, atol=1e-5)
        assert -60 <= np.rad2deg(x) <= 60

    def test_whole_degrees_reach_both_ends(self) -> None:
        """A point on the x axis turns about y alone, and tells the angle."""
        np.random.seed(0)
        view = transforms.RandomView(max_degrees=2, scale=(2, 2))
        found = set()
        for _ in range(200):
            keypoint = np.zeros((1, 1, 25, 3), np.float32)
            keypoint[0, 0, 0] = (1, 0, 0)
            x, y, z = view(_results(keypoint))['keypoint'][0, 0, 0].tolist()
            found.add(round(np.rad2deg(np.arccos(x / 2)), 3))
            assert np.hypot(x, np.hypot(y, z)) == pytest.approx(2)
        assert found == {0, 1, 2}
        still = transforms.RandomView(max_degrees=0, scale=(1, 1))
        keypoint = _random()
        np.testing.assert_array_equal(still(_results(keypoint))['keypoint'], keypoint)


class TestPickFrames:
    def test_even_frames(self) -> None:
        """Published examples of NW-UCLA's validation frames."""
        pick = transforms.PickFrames(52)
        frames = pick._frames(21)
        assert frames[:13].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 3, 4, 4]
        assert frames[-3:].tolist() == [19, 19, 20]
        frames = pick._frames(101)
        assert frames[:5].tolist() == [0, 1, 3, 5, 7]
        assert frames[-3:].tolist() == [96, 98, 100]
        assert pick._frames(1).tolist() == [0] * 52

    @pytest.mark.parametrize('length', [1, 5, 52, 201])
    def test_random_frames_are_sorted_and_fair(self, length: int) -> None:
        random.seed(0)
        pick = transforms.PickFrames(52, random=True)
        drawn = [pick._frames(length) for _ in range(300)]
        for frames in drawn:
            assert (np.diff(frames) >= 0).all()
            assert 0 <= frames[0] <= frames[-1] < length
        # Every frame is as likely as any other: the mean is the middle.
        assert abs(np.mean(drawn) - (length - 1) / 2) < 0.02 * length

    def test_more_frames_than_a_hundred_copies_hold(self) -> None:
        frames = transforms.PickFrames(250, random=True)._frames(2)
        assert np.bincount(frames).sum() == 250

    def test_scores_follow(self) -> None:
        keypoint = _ramp(9)
        results = transforms.PickFrames(5)(_results(keypoint, keypoint_score=keypoint[..., 0]))
        assert results['keypoint'][0, :, 0, 0].tolist() == [1, 3, 5, 7, 9]
        np.testing.assert_array_equal(results['keypoint_score'], results['keypoint'][..., 0])
        assert results['total_frames'] == 5


class TestRandomMirror:
    def test_sides_are_exchanged(self) -> None:
        keypoint = _random()
        mirror = transforms.RandomMirror(prob=1)
        result = mirror(_results(keypoint))['keypoint']
        flip = np.float32([-1, 1, 1])
        np.testing.assert_array_equal(result[:, :, 4], keypoint[:, :, 8] * flip)
        np.testing.assert_array_equal(result[:, :, 8], keypoint[:, :, 4] * flip)
        np.testing.assert_array_equal(result[:, :, 22], keypoint[:, :, 24] * flip)
        np.testing.assert_array_equal(result[:, :, 3], keypoint[:, :, 3] * flip)
        twice = mirror(_results(result))['keypoint']
        np.testing.assert_array_equal(twice, keypoint)

    def test_sides_alone_can_be_exchanged(self) -> None:
        keypoint = _random()
        mirror = transforms.RandomMirror(prob=1, negate=False)
        result = mirror(_results(keypoint))['keypoint']
        order = [*range(4), *range(8, 12), *range(4, 8), *range(16, 20), *range(12, 16)]
        np.testing.assert_array_equal(result, keypoint[:, :, [*order, 20, 23, 24, 21, 22]])

    @pytest.mark.parametrize('layout', ['nturgb+d-ctrgcn', 'kinect_v1', 'coco', 'openpose'])
    def test_sides_of_every_layout_by_name(self, layout: str) -> None:
        names = get_layout(layout).joint_names
        keypoint = _random(V=len(names))
        result = transforms.RandomMirror(prob=1)(_results(keypoint, layout))['keypoint']
        sides = {'left': 'right', 'right': 'left'}
        for joint, name in enumerate(names):
            side, _, part = name.partition('_')
            other = f'{sides[side]}_{part}' if side in sides else name
            wanted = keypoint[:, :, names.index(other)] * np.float32([-1, 1, 1])
            np.testing.assert_array_equal(result[:, :, joint], wanted, err_msg=name)

    def test_probability(self) -> None:
        np.random.seed(0)
        mirror = transforms.RandomMirror(prob=0.25)
        keypoint = _random(1, 1)
        mirrored = [
            mirror(_results(keypoint))['keypoint'][0, 0, 3, 0] != keypoint[0, 0, 3, 0]
            for _ in range(1000)
        ]
        assert 0.2 < np.mean(mirrored) < 0.3


class TestRandomScaleAndDrop:
    def test_scale_is_one_factor_per_axis(self) -> None:
        np.random.seed(1)
        keypoint = _random()
        ratio = transforms.RandomScale(0.2)(_results(keypoint))['keypoint'] / keypoint
        np.testing.assert_allclose(ratio, np.broadcast_to(ratio[0, 0, 0], ratio.shape), rtol=1e-5)
        assert (np.abs(ratio - 1) < 0.2001).all()
        assert len(set(ratio[0, 0, 0].tolist())) == 3

    def test_scale_of_a_known_draw(self) -> None:
        keypoint = _random()
        np.random.seed(4)
        result = transforms.RandomScale(0.3)(_results(keypoint))['keypoint']
        np.random.seed(4)
        wanted = keypoint * (1 + 0.3 * (2 * np.random.rand(3) - 1))
        np.testing.assert_allclose(result, wanted, rtol=1e-5)

    def test_drop_takes_the_asked_share(self) -> None:
        """2,500 joints at 20 %: 500 with a standard deviation of 20."""
        np.random.seed(0)
        drop = transforms.RandomJointDrop(prob=0.2)
        keypoint = _random(1, 2)
        lost = [int((drop(_results(keypoint))['keypoint'][0, 0] == 0).all(-1).sum())
                for _ in range(100)]  # fmt: skip
        assert abs(sum(lost) - 500) < 80
        assert len(set(lost)) > 5

    def test_drop_takes_whole_joints(self) -> None:
        np.random.seed(1)
        keypoint = _random()
        result = transforms.RandomJointDrop(prob=0.3)(_results(keypoint))['keypoint']
        lost = (result == 0).all(axis=(1, 3))  # (M, V)
        np.testing.assert_array_equal((result == 0).any(axis=(1, 3)), lost)
        assert 5 <= lost.sum() <= 25
