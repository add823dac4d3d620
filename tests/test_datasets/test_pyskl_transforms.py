"""MMAction2's and PYSKL's transforms, and skeletons of one sensor as another's."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mmaction.datasets.transforms import PoseDecode, PreNormalize3D, UniformSampleFrames
from mmengine.dataset import Compose
from scipy.io import loadmat
from test_golden_feeders import _read_bodies

from mmcl_ext.datasets import transforms


def _results(keypoint: np.ndarray, layout: str = 'nturgb+d', **more: Any) -> dict[str, Any]:
    keypoint = np.asarray(keypoint, np.float32)
    return dict(keypoint=keypoint, layout=layout, total_frames=keypoint.shape[1], **more)


def _random(M: int = 2, T: int = 20, V: int = 25, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(M, T, V, 3)).astype(np.float32)


def _utd(shared: Path, name: str) -> np.ndarray:
    """Read one sequence of UTD-MHAD in the order of Kinect v1's SDK, (1, T, 20, 3)."""
    with zipfile.ZipFile(shared / 'datasets' / 'utd_mhad' / 'Skeleton.zip') as archive:
        member = next(m for m in archive.namelist() if m.endswith(f'{name}_skeleton.mat'))
        joints = loadmat(io.BytesIO(archive.read(member)))['d_skel']  # (20, 3, T)
    return joints.transpose(2, 0, 1)[None, :, [3, 2, 1, 0, *range(4, 20)]]


class TestUniformSample:
    @pytest.mark.parametrize('length', [1, 5, 60, 99, 100, 103, 150, 199, 200, 250, 301])
    @pytest.mark.parametrize('test_mode', [False, True])
    @pytest.mark.parametrize('num_clips', [1, 10])
    def test_same_frames_as_mmaction(self, length: int, test_mode: bool, num_clips: int) -> None:
        arguments = dict(clip_len=100, num_clips=num_clips, test_mode=test_mode)
        keypoint = _random(2, length, V=3)
        np.random.seed(length)
        wanted = _results(keypoint, keypoint_score=keypoint[..., 0])
        wanted = PoseDecode()(UniformSampleFrames(**arguments)(wanted))
        np.random.seed(length)
        result = _results(keypoint, keypoint_score=keypoint[..., 0])
        result = transforms.UniformSample(**arguments)(result)
        for key in ('frame_inds', 'keypoint', 'keypoint_score'):
            np.testing.assert_array_equal(result[key], wanted[key])
        assert result['keypoint'].dtype == np.float32
        assert result['num_clips'] == wanted['num_clips']
        assert result['total_frames'] == 100 * num_clips

    @pytest.mark.parametrize(
        ('length', 'mmaction', 'pyskl'),
        [(60, 2550, 2550), (103, 5172, 5170), (150, 7507, 7489), (250, 12424, 12422)],
    )
    def test_published_sums(self, length: int, mmaction: int, pyskl: int) -> None:
        for p_interval, wanted in ((None, mmaction), ((1, 1), pyskl)):
            sample = transforms.UniformSample(100, test_mode=True, p_interval=p_interval)
            assert sample._frames(length).sum() == wanted

    def test_ten_clips_of_a_short_sequence(self) -> None:
        frames = transforms.UniformSample(100, num_clips=10, test_mode=True)._frames(60)
        assert frames[::100].tolist() == list(range(0, 60, 6))

    def test_test_mode_leaves_the_generator_alone(self) -> None:
        np.random.seed(0)
        wanted = np.random.rand()
        np.random.seed(0)
        transforms.UniformSample(10, test_mode=True)(_results(_random()))
        assert np.random.rand() == wanted

    def test_shares_of_the_sequence(self) -> None:
        """Half of 400 frames: the spread of a clip, and its place, vary within bounds."""
        np.random.seed(0)
        sample = transforms.UniformSample(100, p_interval=(0.5, 0.5))
        drawn = np.array([sample._frames(400) for _ in range(200)])
        assert (np.diff(drawn) > 0).all()
        assert ((drawn[:, -1] - drawn[:, 0]) < 200).all()
        assert drawn[:, 0].min() < 10
        assert drawn[:, -1].max() > 390


class TestAlignSkeleton:
    @pytest.mark.parametrize('seed', range(5))
    @pytest.mark.parametrize('M', [1, 2])
    @pytest.mark.parametrize('spine', [True, False])
    def test_equals_mmaction(self, spine: bool, M: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        keypoint = _random(M, 30, seed=seed)
        keypoint[rng.random((M, 30)) < 0.3] = 0
        keypoint[rng.random((M, 30, 25)) < 0.05] = 0
        keypoint[:, 3, 0, 0] = 0  # one coordinate that is zero does not make a joint absent
        # MMAction2 has one switch per rotation, the papers' code one for both
        without = {} if spine else dict(align_spine=False, align_shoulder=False)
        wanted = PreNormalize3D(**without)(_results(keypoint))
        result = transforms.AlignSkeleton(align_spine=spine)(_results(keypoint))
        np.testing.assert_allclose(result['keypoint'], wanted['keypoint'], atol=2e-5)
        assert result['total_frames'] == wanted['total_frames']
        absent = [~results['keypoint'].any(axis=-1) for results in (result, wanted)]
        np.testing.assert_array_equal(*absent)

    @pytest.mark.parametrize(
        ('name', 'golden'),
        [
            (
                'S001C001P001R001A001',
                {
                    0: (-0.0101, 0.0023, -0.2695),
                    1: (0, 0, 0),
                    4: (-0.1308, 0.0212, 0.1706),
                    8: (0.1389, 0.0212, 0.1706),
                    20: (0.0105, 0.0040, 0.2006),
                },
            ),
            (
                'S001C003P008R002A058',
                {
                    0: (0.0046, 0.0025, -0.3065),
                    4: (-0.1490, 0.0359, 0.1856),
                    8: (0.0968, 0.0359, 0.1856),
                },
            ),
        ],
    )
    def test_golden_joints(self, shared: Path, name: str, golden: dict) -> None:
        keypoint = _read_bodies(shared / 'datasets' / 'ntu_sample' / f'{name}.skeleton')
        keypoint = keypoint.astype(np.float16)  # as the published pickles hold them
        result = transforms.AlignSkeleton()(_results(keypoint))['keypoint']
        for joint, place in golden.items():
            np.testing.assert_allclose(result[0, 0, joint], place, atol=6e-5)

    def test_rigid_motions_before_it_do_not_matter(self) -> None:
        turn = transforms.RandomRotation(3)
        keypoint = _random()
        moved = turn(_results(keypoint))['keypoint'] + np.float32([1, 2, 3])
        align = transforms.AlignSkeleton()
        # The turn about the spine left open by the first step is fixed by the second only
        # where the shoulders are square to the spine.
        for body in (keypoint, moved):
            across, spine = body[0, 0, 8] - body[0, 0, 4], body[0, 0, 1] - body[0, 0, 0]
            body[0, 0, 8] -= spine * (across @ spine) / (spine @ spine)
        wanted = align(_results(keypoint))['keypoint']
        np.testing.assert_allclose(align(_results(moved))['keypoint'], wanted, atol=1e-4)

    def test_joint_outside_is_named(self) -> None:
        with pytest.raises(ValueError, match=r'joints \(1, 0, 1, 4, 30\) are not all among'):
            transforms.AlignSkeleton(shoulders=(4, 30))(_results(_random()))


def test_chain_equals_mmaction() -> None:
    """The chain of the benchmark, bones included, for the same state of the generator."""
    chains = (
        [
            dict(type='PreNormalize3D'),
            dict(type='GenSkeFeat', dataset='nturgb+d', feats=['b']),
            dict(type='UniformSampleFrames', clip_len=100),
            dict(type='PoseDecode'),
            dict(type='FormatGCNInput', num_person=2),
        ],
        [
            dict(type='AlignSkeleton'),
            dict(type='SkeletonStream', stream='bone'),
            dict(type='UniformSample', clip_len=100),
            dict(type='FormatSkeleton', num_person=2),
        ],
    )
    for length in (40, 130, 260):
        keypoint = _random(1, length)
        outputs = []
        for chain in chains:
            np.random.seed(5)
            outputs.append(Compose(chain)(_results(keypoint.copy()))['keypoint'])
        # MMAction2's bones of 25 joints are CTR-GCN's: tips hang on the thumbs.
        body = [joint for joint in range(25) if joint not in (21, 22, 23, 24)]
        np.testing.assert_allclose(outputs[1][..., body, :], outputs[0][..., body, :], atol=2e-5)


class TestInterpolateJoints:
    @pytest.mark.parametrize(
        ('joint', 'place'),
        [
            (1, (-0.02451, 0.09593, 2.95912)),
            (23, (0.20640, -0.47726, 2.81353)),
            (2, (-0.03082, 0.37047, 2.93991)),
        ],
    )
    def test_golden_joints(self, shared: Path, joint: int, place: tuple) -> None:
        results = _results(_utd(shared, 'a3_s1_t1'), 'kinect_v1')
        results = transforms.InterpolateJoints()(results)
        assert results['layout'] == 'nturgb+d'
        assert results['keypoint'].shape == (1, 72, 25, 3)
        np.testing.assert_allclose(results['keypoint'][0, 0, joint], place, atol=6e-6)

    @pytest.mark.parametrize(
        ('name', 'sums', 'joint'),
        [
            ('a3_s1_t1', (-634.6493, 1115.8780), (0.11855, 0.34851, -0.42533)),
            ('a27_s8_t3', (-742.6211, 1133.3286), (0.17604, -0.27576, -0.56060)),
        ],
    )
    def test_golden_zero_shot_input(
        self, shared: Path, name: str, sums: tuple, joint: tuple
    ) -> None:
        pipeline = [
            dict(type='InterpolateJoints', target='nturgb+d'),
            dict(type='CenterSkeleton', joint=1),
            dict(type='ValidCropResize', window=64, p_interval=(0.95,)),
            dict(type='FormatSkeleton', num_person=2),
        ]
        result = Compose(pipeline)(_results(_utd(shared, name), 'kinect_v1'))['keypoint'][0]
        np.testing.assert_allclose((result.sum(), np.abs(result).sum()), sums, atol=2e-3)
        np.testing.assert_allclose(result[0, 32, 11], joint, atol=1e-5)

    def test_round_trip_error(self, shared: Path) -> None:
        """Published: mean error 7 mm at the hip centre, 25 mm at the spine, none elsewhere."""
        names = [f'a{action}_s{subject}_t1' for action in (1, 12, 22, 27) for subject in (1, 5, 8)]
        errors = []
        for name in names:
            keypoint = _utd(shared, name)
            results = transforms.InterpolateJoints('nturgb+d')(_results(keypoint, 'kinect_v1'))
            back = transforms.InterpolateJoints('kinect_v1')(results)['keypoint']
            errors.append(np.linalg.norm(back - keypoint, axis=-1).mean(axis=(0, 1)))
        mean = np.mean(errors, axis=0)
        assert 0.004 < mean[0] < 0.010
        assert 0.018 < mean[1] < 0.032
        assert mean[2:].max() < 1e-6

    @pytest.mark.parametrize('variant', [None, 'A', 'A-copy', 'A-naive', 'B'])
    def test_moves_with_the_body_and_keeps_absent_ones(self, variant: str | None) -> None:
        keypoint = _random(V=20)
        keypoint[1, 5:] = 0
        interpolate = transforms.InterpolateJoints('nturgb+d', variant)
        result = interpolate(_results(keypoint, 'kinect_v1'))['keypoint']
        assert not result[1, 5:].any()
        moved = interpolate(_results(keypoint + 2, 'kinect_v1'))['keypoint']
        np.testing.assert_allclose(moved[0], result[0] + 2, atol=2e-6)

    def test_scores_and_own_weights(self) -> None:
        keypoint, score = _random(1, 4, 20), np.random.default_rng(1).random((1, 4, 20))
        weights = {name: {'spine': 1.0} for name in ('spine_base', 'spine_mid')}
        weights |= {'neck': {'head': 0.5, 'shoulder_center': 0.5}, 'spine_shoulder': {'head': 1.0}}
        for side in ('left', 'right'):
            weights |= {f'{side}_{part}': {f'{side}_hand': 1.0} for part in ('hand_tip', 'thumb')}
        interpolate = transforms.InterpolateJoints('nturgb+d', weights=weights)
        results = interpolate(_results(keypoint, 'kinect_v1', keypoint_score=score))
        neck = (keypoint[:, :, 2] + keypoint[:, :, 3]) / 2
        np.testing.assert_allclose(results['keypoint'][:, :, 2], neck, atol=1e-6)
        wanted = np.minimum(score[..., 2], score[..., 3])
        np.testing.assert_allclose(results['keypoint_score'][..., 2], wanted, rtol=1e-6)

    def test_joints_that_do_not_fit_are_named(self) -> None:
        with pytest.raises(ValueError, match="layout 'kinect_v1' has 20 joints, the skeleton 25"):
            transforms.InterpolateJoints()(_results(_random(), 'kinect_v1'))


class TestRandomPartDrop:
    def test_whole_parts_of_one_person(self) -> None:
        np.random.seed(0)
        keypoint = _random()
        drop = transforms.RandomPartDrop(prob=0.5)
        patterns = set()
        for _ in range(200):
            result = drop(_results(keypoint))['keypoint']
            lost = (result == 0).all(axis=(1, 3))  # (M, V)
            np.testing.assert_array_equal((result == 0).any(axis=(1, 3)), lost)
            for person in lost:
                arm, leg = person[[4, 5, 6, 7, 21, 22]], person[[16, 17, 18, 19]]
                assert arm.all() == arm.any()
                assert leg.all() == leg.any()
                assert not person[[0, 1, 2, 3, 20]].any()
            patterns.add(lost.tobytes())
        assert len(patterns) > 50

    def test_one_part_of_all_persons(self) -> None:
        np.random.seed(0)
        keypoint = _random()
        drop = transforms.RandomPartDrop(prob=0.2, together=True)
        counts: dict[tuple[int, ...], int] = {}
        for _ in range(400):
            lost = (drop(_results(keypoint))['keypoint'] == 0).all(axis=(1, 3))  # (M, V)
            assert (lost[0] == lost[1]).all()
            joints = tuple(np.flatnonzero(lost[0]).tolist())
            counts[joints] = counts.get(joints, 0) + 1
        limbs = [(4, 5, 6, 7, 21, 22), (8, 9, 10, 11, 23, 24), (12, 13, 14, 15), (16, 17, 18, 19)]
        assert set(counts) == {(), *limbs}
        assert 60 <= 400 - counts[()] <= 100
        assert all(10 <= counts[limb] <= 30 for limb in limbs)

    def test_groups_of_joints(self) -> None:
        np.random.seed(1)
        keypoint = _random()
        drop = transforms.RandomPartDrop(prob=0.9, parts=[(0, 1), 'head'])
        result = drop(_results(keypoint))['keypoint']
        lost = set(np.flatnonzero((result == 0).all(axis=(0, 1, 3))).tolist())
        assert lost == {0, 1, 2, 3}
        assert (keypoint != 0).all()

    @pytest.mark.parametrize(
        ('part', 'message'), [('tail', "no part 'tail'"), ((3, 25), 'outside the 25 joints')]
    )
    def test_wrong_parts_are_named(self, part: Any, message: str) -> None:
        np.random.seed(0)
        drop = transforms.RandomPartDrop(prob=0.99, parts=[part])
        with pytest.raises(ValueError, match=message):
            drop(_results(_random()))
