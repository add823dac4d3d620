import numpy as np
import pytest

from mmcl_ext.graphs.layouts import get_layout
from mmcl_ext.synthetic.kinematics import JOINT
from mmcl_ext.synthetic.motions import ACTIONS
from mmcl_ext.synthetic.scenery import ITEM_KINDS, HeldObject
from mmcl_ext.synthetic.synthetic_data import SyntheticData, add_sensor_noise
from mmcl_ext.synthetic.write_synthetic_data import ANSWERS, scene_answers

EDGES = np.array(get_layout('nturgb+d').edges)
DATA = SyntheticData(train_subjects=3, test_subjects=2, repetitions=2)
LABEL = {name: index for index, name in enumerate(DATA.classes)}


def scenes_of(label, subjects=range(1, 6)):
    names = [f'S{s:03d}A{label + 1:02d}R{r:02d}' for s in subjects for r in (1, 2)]
    return [DATA.scene(name) for name in names]


def resampled(joints, frames=32):
    """Joints relative to the middle of the spine, at a fixed number of frames."""
    chosen = ((np.arange(frames) + 0.5) * len(joints) / frames).astype(int)
    return (joints - joints[:, 1:2])[chosen]


def test_enough_actions_and_pairs():
    assert len(ACTIONS) >= 8
    assert len(DATA.pairs) >= 3
    assert len(set(DATA.classes)) == len(ACTIONS)


def test_pairs_are_mutual_and_differ_in_the_object():
    for first, second in DATA.pairs:
        assert ACTIONS[first].item in ITEM_KINDS
        assert ACTIONS[second].item is None
        assert ACTIONS[first].twin == ACTIONS[second].name
        assert ACTIONS[second].twin == ACTIONS[first].name


def test_regeneration_is_bit_equal_and_independent_of_order():
    again = SyntheticData(train_subjects=3, test_subjects=2, repetitions=2)
    names = DATA.names[::7]
    first = {name: DATA.keypoint(name) for name in names}
    for name in reversed(names):
        np.testing.assert_array_equal(again.keypoint(name), first[name])


def test_samples_do_not_depend_on_how_many_there_are():
    larger = SyntheticData(train_subjects=4, test_subjects=2, repetitions=3)
    name = 'S002A05R02'
    np.testing.assert_array_equal(larger.keypoint(name), DATA.keypoint(name))


def test_another_seed_gives_other_people():
    other = SyntheticData(seed=1, train_subjects=3, test_subjects=2, repetitions=2)
    name = DATA.names[0]
    assert other.scene(name).subject.body != DATA.scene(name).subject.body
    assert other.keypoint(name).shape != DATA.keypoint(name).shape or not np.allclose(
        other.keypoint(name), DATA.keypoint(name)
    )


def test_splits_share_no_subject_and_cover_all():
    splits = {key: {name[:4] for name in names} for key, names in DATA.splits.items()}
    assert splits['train'] == {'S001', 'S002', 'S003'}
    assert splits['test'] == {'S004', 'S005'}
    assert len(DATA.names) == len(set(DATA.names)) == 5 * len(ACTIONS) * 2


@pytest.mark.parametrize('action', ACTIONS, ids=lambda a: a.name)
def test_skeletons_are_bodies_before_the_camera(action):
    lengths = {}
    for scene in scenes_of(LABEL[action.name]):
        assert 20 <= scene.num_frames <= 80
        assert np.isfinite(scene.joints).all()
        bones = np.linalg.norm(scene.joints[:, EDGES[:, 0]] - scene.joints[:, EDGES[:, 1]], axis=-1)
        np.testing.assert_allclose(bones, bones[:1].repeat(len(bones), 0), rtol=1e-9)
        lengths.setdefault(scene.subject.index, []).append(bones[0])
        assert (np.abs(scene.joints[..., 0]) < 1.3).all()
        assert (scene.joints[..., 2] > 1.5).all()
        assert (scene.joints[..., 2] < 4.2).all()
        assert (scene.joints[..., 1] > scene.room.floor_y - 0.1).all()
        assert (scene.joints[..., 1] < scene.room.floor_y + 2.4).all()
    for same_person in lengths.values():
        np.testing.assert_allclose(same_person[0], same_person[1], rtol=1e-9)


def test_numbers_of_frames_vary():
    assert len({DATA.scene(name).num_frames for name in DATA.names[:40]}) > 5


def test_classes_of_a_pair_are_close_but_not_equal():
    """Their mean postures are nearer to each other than to those of any other class."""
    right_handed = [
        s for s in range(5) if not DATA.scene(f'S{s + 1:03d}A01R01').subject.left_handed
    ]
    people = [s + 1 for s in right_handed]
    assert people
    means = np.array(
        [
            np.mean([resampled(s.joints) for s in scenes_of(label, people)], axis=0)
            for label in range(len(ACTIONS))
        ]
    )
    distance = np.linalg.norm(means[:, None] - means[None], axis=-1).mean(axis=(2, 3))
    for first, second in DATA.pairs:
        others = [k for k in range(len(ACTIONS)) if k not in (first, second)]
        assert 0.0 < distance[first, second] < distance[first, others].min()


def test_left_handed_people_lead_with_the_left_hand():
    data = SyntheticData(train_subjects=20, test_subjects=1, repetitions=1)
    hands = set()
    for subject in range(1, 21):
        scene = data.scene(f'S{subject:03d}A{LABEL["wave"] + 1:02d}R01')
        height = scene.joints[:, [JOINT['left_hand'], JOINT['right_hand']], 1].max(axis=0)
        assert (height[0] > height[1]) == scene.subject.left_handed
        hands.add(scene.subject.left_handed)
    assert hands == {True, False}


@pytest.mark.parametrize('kind', ITEM_KINDS)
def test_objects_stay_in_the_hand_while_held(kind):
    action = next(a for a in ACTIONS if a.item == kind)
    for scene in scenes_of(LABEL[action.name]):
        assert scene.item.kind == kind
        assert scene.held.any()
        hands = scene.joints[:, [JOINT['left_hand'], JOINT['right_hand']]]
        if action.two_hands:
            hands = hands.mean(axis=1, keepdims=True)
        gap = np.linalg.norm(hands - scene.place[:, None], axis=-1).min(axis=1)
        assert (gap[scene.held] < 0.16).all()
        np.testing.assert_allclose(
            scene.axes @ scene.axes.transpose(0, 2, 1),
            np.eye(3)[None].repeat(len(gap), 0),
            atol=1e-6,
        )


def test_a_thrown_ball_leaves_the_hand():
    for scene in scenes_of(LABEL['throw a ball']):
        assert scene.held[0]
        assert not scene.held[-1]
        assert scene.place[-1, 2] < scene.joints[-1, :, 2].min() - 0.5


def test_answers_follow_the_scene():
    for name in DATA.names[::5]:
        scene, label = DATA.scene(name), DATA.label(name)
        answers = scene_answers(scene)
        assert answers.shape == (len(ANSWERS),) == (2 + len(ITEM_KINDS),)
        assert answers[:2].sum() == pytest.approx(1)
        assert answers[2:].sum() == pytest.approx(answers[0])
        if ACTIONS[label].item is None:
            assert answers[0] == 0
        else:
            assert answers[ANSWERS.index(ACTIONS[label].item)] > 0


def test_answers_count_the_frames_of_the_composite():
    scene = next(s for s in scenes_of(LABEL['throw a ball']) if s.num_frames)
    chosen = [(2 * i + 1) * scene.num_frames // 10 for i in range(5)]
    assert scene_answers(scene)[0] == pytest.approx(sum(scene.held[f] for f in chosen) / 5)


def test_sensor_without_noise_is_exact():
    joints = DATA.scene(DATA.names[0]).joints
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(add_sensor_noise(joints, rng, 0.0), joints)


def test_sensor_noise_is_centimetres_with_outliers_at_the_ends_of_limbs():
    rng = np.random.default_rng(0)
    joints = np.tile(np.array([0.0, 0.0, 3.0]), (40, 25, 1))
    errors = np.stack([add_sensor_noise(joints, rng) - joints for _ in range(200)])
    deviation = errors.std(axis=(0, 1, 3))
    assert 0.01 < deviation[JOINT['spine_mid']] < 0.02
    assert deviation[JOINT['left_hand_tip']] > 2 * deviation[JOINT['spine_mid']]
    size = np.linalg.norm(errors, axis=-1)
    assert 0.1 < size.max() < 0.6
    assert abs(errors.mean()) < 1e-3


@pytest.mark.parametrize('name', ['S009A01R01', 'S001A99R01', 'S001A01R03', 'nobody', 'S001A00R01'])
def test_unknown_sample_is_named(name):
    with pytest.raises(ValueError, match=name):
        DATA.scene(name)


@pytest.mark.parametrize('wrong', [{'repetitions': 0}, {'noise': -1.0}, {'train_subjects': 100}])
def test_impossible_numbers_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SyntheticData(**wrong)


def test_unknown_kind_of_object_is_named():
    with pytest.raises(ValueError, match='sword'):
        HeldObject('sword', (0, 0, 0))


def test_negative_noise_is_refused():
    with pytest.raises(ValueError, match='-1'):
        add_sensor_noise(np.zeros((1, 25, 3)), np.random.default_rng(0), -1.0)
