"""Videos and poses to a configuration that trains, in one command."""

import json
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
from detector_models import save_yolos
from own_clips import OwnClips
from text_models import save_blip
from tool_module import load_tool, run_main
from torch import nn

from mmcl_ext.apis import build_runner, load_config
from mmcl_ext.datasets.converters.pose_results import read_pose_results
from mmcl_ext.datasets.store import SkeletonStore, write_store
from mmcl_ext.datasets.store.box_file import BoxFile
from mmcl_ext.datasets.store.feature_file import FeatureFile
from mmcl_ext.fileio.archive_file import ArchiveFile
from mmcl_ext.graphs.layouts import register_layout
from mmcl_ext.preparation.own_videos.prepare_videos import VideoPreparation
from mmcl_ext.preparation.own_videos.training_config import TrainingConfig
from mmcl_ext.preparation.person_boxes.pixel_boxes import PixelBoxes
from mmcl_ext.registry import DATASETS, GRAPHS, MODELS
from mmcl_ext.synthetic.scene import CAMERA

DEMO = 'mmcl_ext::mmcl/ctrgcn_demo.py'


@pytest.fixture(scope='module')
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp('own')
    own = OwnClips()
    own.save_videos(folder / 'videos')
    own.save_poses(folder / 'poses')
    own.save_pickle(folder / 'poses.pkl')
    own.folder = folder
    return own


@pytest.fixture
def tool(repo, monkeypatch, capsys):
    module = load_tool(repo / 'tools/data/prepare_videos.py')

    def run(*arguments):
        return run_main(module, [*arguments, '--quiet'], monkeypatch, capsys)

    return run


def contents(folder):
    files = (path for path in sorted(folder.rglob('*')) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_all_steps_and_a_training(tool, repo, clips, tmp_path, monkeypatch):
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')
    blip = save_blip(tmp_path / 'blip')
    out = tmp_path / 'out'
    arguments = [clips.folder / 'videos', clips.folder / 'poses', out, '--jobs', '1']
    arguments += ['--base', DEMO, '--image-features', '--size', '100', '100']
    arguments += ['--text', repo / 'configs/preparation/text_blip.py']
    arguments += ['--text-options', f'source.model={blip}', 'chunk_size=4']
    status, output, error = tool(*arguments)
    assert status == 0, (output, error)
    assert 'checked: all is well' in output
    assert 'training    train; validation val' in output
    assert output.splitlines()[-1].endswith('config_image_features.py')
    assert sorted(path.name for path in (out / 'composites').glob('*.jpg')) == sorted(
        f'{name}.jpg' for name in clips.names
    )
    assert FeatureFile(out / 'image_features.safetensors').names == tuple(clips.names)
    before = contents(out)
    status, output, _ = tool(*arguments)
    assert status == 0
    assert '0 composites made, 6 were there' in output
    assert '6 samples, 0 extracted, 6 were there' in output
    assert contents(out) == before

    dataset = DATASETS.build(load_config(out / 'config.py').train_dataloader.dataset)
    assert len(dataset) == 3
    inputs = dataset[0]['inputs']
    assert inputs['keypoint'].shape == (1, 1, 64, 17, 2)
    assert inputs['image'].shape[0] == 3
    assert inputs['text'].shape == (16,)
    moved = out.rename(tmp_path / 'moved elsewhere')
    for name in ('config.py', 'config_image_features.py'):
        assert str(tmp_path) not in (moved / name).read_text()
    train_one_step(load_config(moved / 'config_image_features.py'), tmp_path / 'run')
    assert '6 samples, 0 extracted, 6 were there' in tool(*arguments[:2], moved, *arguments[3:])[1]


def train_one_step(cfg, work_dir):
    cfg.merge_from_dict(dict(launcher='none', work_dir=str(work_dir)))
    cfg.merge_from_dict({'train_cfg.max_epochs': 1})
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        cfg[loader].update(num_workers=0, persistent_workers=False)
    runner = build_runner(cfg)
    runner.train()
    assert runner.train_loop.iter == 1
    assert (work_dir / 'epoch_1_skeleton.pth').exists()


def test_an_apostrophe_in_the_path(clips, tmp_path):
    out = tmp_path / "it's 1/out"
    settings = dict(videos=clips.folder / 'videos', skeletons=clips.folder / 'poses.pkl')
    assert VideoPreparation(out=out, training=dict(base=DEMO), progress=False, **settings).run()
    cfg = load_config(out / 'config.py')
    assert cfg.train_dataloader.dataset.ann_file == str(out / 'skeletons.safetensors')
    assert cfg.train_dataloader.dataset.pipeline[0].img_dir == str(out / 'composites')


def test_the_center_of_a_layout_may_be_joint_0(tmp_path):
    description = dict(name='three', joint_names=('a', 'b', 'c'), edges=((1, 0), (2, 0)), center=0)
    register_layout(description)
    store = make_store(tmp_path / 's.safetensors', np.ones((1, 3, 3, 2)), layout='three')
    TrainingConfig(store, tmp_path / 'composites', base=DEMO).write(tmp_path / 'config.py')
    cfg = load_config(tmp_path / 'config.py')
    assert cfg.model.backbone.graph_cfg.layout.center == 0
    assert MODELS.build(cfg.model).backbone.graph.num_joints == 3


class JointNet(nn.Module):
    """A network that asks for no number of persons."""

    def __init__(self, graph_cfg, in_channels=3):
        super().__init__()
        self.graph, self.out_channels = GRAPHS.build(graph_cfg), 8
        self.layer = nn.Linear(in_channels, 8)

    def forward(self, x):
        return self.layer(x).permute(0, 1, 4, 2, 3)


def test_a_base_with_a_network_of_ones_own(tmp_path):
    MODELS.register_module(module=JointNet, force=True)
    base, plain = tmp_path / 'base.py', tmp_path / 'plain.py'
    graph = "graph_cfg=dict(type='SkeletonGraph', layout='coco', mode='spatial')"
    base.write_text(
        f"_base_ = '{DEMO}'\nmodel = dict(backbone=dict(_delete_=True, type='JointNet', {graph}))\n"
    )
    store = make_store(tmp_path / 's.safetensors', np.ones((1, 3, 17, 2)))
    TrainingConfig(store, tmp_path / 'composites', base=str(base)).write(tmp_path / 'config.py')
    backbone = load_config(tmp_path / 'config.py').model.backbone
    assert (backbone.type, backbone.in_channels) == ('JointNet', 2)
    assert MODELS.build(backbone).out_channels == 8
    plain.write_text("_base_ = 'mmcl_ext::skeleton/ctrgcn_demo.py'")
    with pytest.raises(
        ValueError, match=r"cannot inherit .*plain\.py': its model has no co_learning"
    ):
        TrainingConfig(store, tmp_path / 'composites', base=str(plain))


@pytest.mark.parametrize('kind', ['folder', 'pickle'])
def test_joints_of_a_layout_file(tool, clips, tmp_path, kind):
    layout, source = tmp_path / 'three.json', tmp_path / f'poses.{kind}'
    joints = dict(name='three_of_a_file', joint_names=list('abc'), edges=[[1, 0], [2, 0]], center=0)
    layout.write_text(json.dumps(joints))
    rng = np.random.default_rng(0)
    pose = np.array([[0.0, 1.0, 0.0], [0.0, 1.6, 0.0], [0.3, 0.8, 0.0]])
    poses = {name: pose + rng.normal(0, 0.02, (1, 20, 3, 3)) for name in clips.names}
    if kind == 'folder':
        source.mkdir()
        rows = [f'{n},{i % 2},{"train" if i < 4 else "val"}' for i, n in enumerate(poses)]
        (source / 'labels.csv').write_text('\n'.join(['name,label,split', *rows]))
        for name, pose in poses.items():
            np.save(source / f'{name}.npy', pose)
    else:
        fields = [
            dict(frame_dir=name, label=i % 2, total_frames=20, keypoint=keypoint)
            for i, (name, keypoint) in enumerate(poses.items())
        ]
        split = dict(train=clips.names[:4], val=clips.names[4:])
        source.write_bytes(pickle.dumps(dict(split=split, annotations=fields)))
    arguments = [clips.folder / 'videos', source, tmp_path / 'out', '--boxes', 'whole']
    arguments += ['--base', DEMO, '--jobs', '1']
    assert tool(*arguments)[0] == 1
    status, output, error = tool(*arguments, '--layout', layout)
    assert status == 0, (output, error)
    assert SkeletonStore(tmp_path / 'out/skeletons.safetensors').layout == 'three_of_a_file'
    train_one_step(load_config(tmp_path / 'out/config.py'), tmp_path / 'run')
    store = [clips.folder / 'videos', tmp_path / 'out/skeletons.safetensors', tmp_path / 'again']
    status, _, error = tool(*store, '--boxes', 'whole', '--layout', layout)
    assert status == 1
    assert 'is for skeletons in a folder or a .pkl' in error


def test_samples_without_a_video_are_left_out(tool, clips, tmp_path):
    videos = tmp_path / 'videos'
    videos.mkdir()
    for name in clips.names[1:]:
        (videos / f'{name}.mp4').symlink_to(clips.folder / f'videos/{name}.mp4')
    arguments = [videos, clips.folder / 'poses.pkl', tmp_path / 'out', '--jobs', '1']
    arguments += ['--partial', '--base', DEMO, '--boxes', 'whole']
    status, output, error = tool(*arguments)
    assert (status, error) == (2, '')  # a class has lost its training sample
    assert '5 of 6 samples have a video' in output
    assert "a class without samples in split 'train': class0" in output
    assert 'without a person' not in output  # nobody was looked for
    store = SkeletonStore(tmp_path / 'out/skeletons_with_videos.safetensors')
    assert list(store.names) == clips.names[1:]
    assert len(store.split('train')) == 2
    assert PixelBoxes(store).image_size(clips.names[1]) == CAMERA.size
    assert (
        len(DATASETS.build(load_config(tmp_path / 'out/config.py').train_dataloader.dataset)) == 2
    )


def test_a_configuration_that_fails_is_told(clips, tmp_path):
    base = tmp_path / 'base.py'
    base.write_text(f"_base_ = '{DEMO}'\nmodel = dict(backbone=dict(nonsense=1))\n")
    settings = dict(videos=clips.folder / 'videos', skeletons=clips.folder / 'poses.pkl')
    with pytest.raises(ValueError, match=r'config\.py: the configuration that was .*nonsense'):
        VideoPreparation(
            out=tmp_path / 'out', training=dict(base=str(base)), progress=False, **settings
        ).run()


def test_composites_show_the_person(clips, tmp_path):
    preparation = VideoPreparation(
        clips.folder / 'videos', clips.folder / 'poses.pkl', tmp_path, progress=False
    )
    assert preparation.run()
    store = SkeletonStore(tmp_path / 'skeletons.safetensors')
    boxes = PixelBoxes(store)
    name = clips.names[0]
    low, high = clips.joints(name).min(1), clips.joints(name).max(1)
    found, flags = boxes.read(name)
    assert flags.all()
    reach = 0.05 * (high - low).max(1, keepdims=True)
    np.testing.assert_allclose(found[:, :2], low - reach, atol=1)
    np.testing.assert_allclose(found[:, 2:], high + reach, atol=1)
    assert boxes.image_size(name) == CAMERA.size
    # The person fills the tile: at the middle of the body no tile shows the background's colour.
    image = cv2.imread(str(tmp_path / f'composites/{name}.jpg')).astype(int)
    corner = image[4:20, 4:20].mean((0, 1))
    middle = image[200:280].reshape(80, 5, 96, 3)[:, :, 40:56].mean((0, 2))
    assert (np.abs(middle - corner).max(1) > 25).all()


def test_boxes_by_a_detector(tool, clips, tmp_path, monkeypatch):
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')
    model = save_yolos(tmp_path / 'yolos')
    (tmp_path / 'boxes.py').write_text(
        f"source = dict(type='TransformersPersonBoxes', model={str(model)!r}, threshold=0.0)\n"
    )
    out = tmp_path / 'out'
    arguments = [clips.folder / 'videos', clips.folder / 'poses.pkl', out, '--jobs', '1']
    status, output, error = tool(*arguments, '--boxes', tmp_path / 'boxes.py', '--margin', '1000')
    assert status == 0, (output, error)
    boxes = BoxFile(out / 'boxes.safetensors')
    assert boxes.names == tuple(clips.names)
    assert boxes.image_size(clips.names[0]) == CAMERA.size
    recipe = json.loads((out / 'composites/recipe.json').read_text())
    assert recipe['clips']['boxes'] == boxes.metadata
    status, _, error = tool(
        *arguments, '--margin', '1000'
    )  # by the skeletons now: not into the same folder
    assert status == 1
    assert 'the composites have the recipe' in error


def test_default_base_builds_for_the_clips(clips, tmp_path):
    write = dict(layout='coco', classes=('a', 'b', 'c', 'd'), splits={})
    samples = [
        dict(name=name, label=index % 3, keypoint=clips.joints(name)[None])
        for index, name in enumerate(clips.names)
    ]
    write_store(tmp_path / 's.safetensors', samples, **write)
    training = TrainingConfig(SkeletonStore(tmp_path / 's.safetensors'), tmp_path / 'composites')
    assert training.splits == (None, None)
    training.write(tmp_path / 'config.py')
    cfg = load_config(tmp_path / 'config.py', {'model.co_learning.image_encoder.pretrained': None})
    assert cfg.train_dataloader.batch_size == 6
    assert cfg.optim_wrapper.optimizer.lr == round(0.6 / 64, 6)
    assert [step['type'] for step in cfg.train_dataloader.dataset.pipeline][:1] == [
        'LoadCompositeImage'
    ]
    assert 'Load' not in str(cfg.test_dataloader.dataset.pipeline)
    assert cfg.train_dataloader.dataset.ann_file == str(tmp_path / 's.safetensors')
    training.write(tmp_path / 'below/config.py')  # what lies elsewhere is not moved along
    assert repr(str(tmp_path / 's.safetensors')) in (tmp_path / 'below/config.py').read_text()
    model = MODELS.build(cfg.model)
    assert model.cls_head.num_classes == 4
    assert model.backbone.graph.num_joints == 17
    assert (model.backbone.in_channels, model.backbone.num_person) == (2, 1)
    with pytest.raises(ValueError, match=r"no split 'eval'; it has \[\]"):
        TrainingConfig(training.store, tmp_path, train_split='eval')


def test_missing_and_damaged_videos(tool, clips, tmp_path):
    videos = tmp_path / 'videos'
    videos.mkdir()
    for name in clips.names[1:]:
        (videos / f'{name}.mp4').symlink_to(clips.folder / f'videos/{name}.mp4')
    arguments = [videos, clips.folder / 'poses.pkl', tmp_path / 'out', '--jobs', '1']
    status, _, error = tool(*arguments)
    assert status == 1
    assert f"no video of 1 of the 6 samples, such as '{clips.names[0]}'" in error
    (videos / f'{clips.names[0]}.mp4').touch()
    status, _, error = tool(*arguments)
    assert status == 1
    assert f'{clips.names[0]}.mp4' in error
    status, output, _ = tool(*arguments, '--on-error', 'skip')
    assert status == 2
    assert '1 failed' in output
    assert 'missing' in output
    (videos / f'{clips.names[0]}.mp4').unlink()
    (videos / f'{clips.names[0]}.mp4').symlink_to(clips.folder / f'videos/{clips.names[0]}.mp4')
    status, output, _ = tool(*arguments)
    assert status == 0
    assert '1 composites made, 5 were there' in output


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(boxes='person'), "got 'person'"),
        (dict(skeletons='poses/labels.csv'), 'expected a store'),
        (dict(videos='nowhere'), 'nowhere'),
        (dict(boxes='absent.safetensors'), 'absent'),
        (dict(boxes='absent.py'), 'absent'),
        (dict(skeletons='gone.pkl'), 'no skeletons at'),
        (dict(labels=Path('gone.csv')), 'no table of labels at'),
        (dict(text=Path('gone.py')), 'gone'),
        (dict(training=dict(base='mmcl_ext::mmcl/gone.py')), "cannot inherit 'mmcl_ext::mmcl/gone"),
        (dict(training=dict(base='gone.py')), "cannot inherit 'gone.py'"),
    ],
)
def test_wrong_inputs_are_named_before_anything_is_written(clips, tmp_path, change, message):
    settings = dict(videos='videos', skeletons='poses.pkl', progress=False) | change
    for key in ('videos', 'skeletons'):
        settings[key] = clips.folder / settings[key]
    with pytest.raises((ValueError, OSError), match=message):
        VideoPreparation(out=tmp_path / 'out', **settings).run()
    assert not (tmp_path / 'out').exists()


def test_unknown_split_is_named_before_the_composites(clips, tmp_path):
    settings = dict(videos=clips.folder / 'videos', skeletons=clips.folder / 'poses.pkl')
    with pytest.raises(ValueError, match=r"no split 'all'; it has \['train', 'val'\]"):
        VideoPreparation(
            out=tmp_path, training=dict(train_split='all'), progress=False, **settings
        ).run()
    assert not (tmp_path / 'composites').exists()


def test_other_skeletons_are_not_mixed_in(clips, tmp_path):
    settings = dict(videos=clips.folder / 'videos', out=tmp_path, progress=False)
    VideoPreparation(skeletons=clips.folder / 'poses.pkl', **settings).run()
    with pytest.raises(ValueError, match='remove it'):
        VideoPreparation(skeletons=clips.folder / 'poses', **settings).run()


def make_store(path, keypoint, score=None, layout='coco'):
    sample = dict(name='a', label=0, keypoint=keypoint)
    if score is not None:
        sample['keypoint_score'] = score
    write_store(path, [sample], layout=layout, classes=('x',), splits={})
    return SkeletonStore(path)


def test_pixel_boxes_of_absent_joints_and_persons(tmp_path):
    keypoint = np.zeros((3, 4, 17, 2), np.float32)
    score = np.ones((3, 4, 17), np.float32)
    keypoint[0, :2] = np.linspace((50, 100), (90, 300), 17)
    keypoint[1, 1] = np.linspace((200, 120), (240, 320), 17)
    keypoint[2, :] = 900  # a third person does not count
    keypoint[0, 2] = np.linspace((50, 100), (90, 300), 17)
    score[0, 2] = 0.1  # guessed
    boxes, found = PixelBoxes(make_store(tmp_path / 's.safetensors', keypoint, score)).read('a')
    assert found.tolist() == [True, True, False, False]
    np.testing.assert_allclose(boxes[0], [40, 90, 100, 310])  # 5 % of 200 pixels around
    np.testing.assert_allclose(boxes[1], [39, 89, 251, 331])  # 5 % of 220
    assert (boxes[2, :2] < -1e5).all()
    assert (boxes[2, 2:] > 1e5).all()


def test_pixel_boxes_need_pixels(tmp_path):
    unit = np.random.default_rng(0).random((1, 3, 17, 2)).astype(np.float32)
    with pytest.raises(ValueError, match='not pixels'):
        PixelBoxes(make_store(tmp_path / 'unit.safetensors', unit)).read('a')
    with pytest.raises(ValueError, match='3 coordinates per joint'):
        PixelBoxes(make_store(tmp_path / '3d.safetensors', np.ones((1, 3, 17, 3), np.float32)))


def pose_file(path, content):
    path.write_text(json.dumps(content))
    return ArchiveFile(path)


def body(x, **fields):
    return dict(keypoints=[[x + i, 10.0 * i] for i in range(17)], **fields)


def test_persons_are_followed_through_the_frames(tmp_path):
    frames = [
        dict(frame_id=0, instances=[body(100), body(300)]),
        dict(frame_id=1, instances=[body(305), body(103)]),  # in another order
        dict(frame_id=3, instances=[body(106)]),
    ]
    arrays = read_pose_results(pose_file(tmp_path / 'a.json', frames), 17)
    assert arrays['keypoint'].shape == (2, 4, 17, 2)
    np.testing.assert_array_equal(arrays['keypoint'][0, :, 0, 0], [100, 103, 0, 106])
    np.testing.assert_array_equal(arrays['keypoint'][1, :, 0, 0], [300, 305, 0, 0])
    np.testing.assert_array_equal(arrays['keypoint_score'][:, :, 5], [[1, 1, 0, 1], [1, 1, 0, 0]])


def test_persons_who_cross_keep_their_tracks(tmp_path):
    """By whoever comes first in a frame, the nearest body would be the other's."""
    frames = [
        dict(frame_id=0, instances=[body(100), body(108)]),
        dict(frame_id=1, instances=[body(104), body(112)]),
        dict(frame_id=2, instances=[body(117), body(109)]),
    ]
    arrays = read_pose_results(pose_file(tmp_path / 'a.json', frames), 17)
    np.testing.assert_array_equal(arrays['keypoint'][0, :, 0, 0], [100, 104, 109])
    np.testing.assert_array_equal(arrays['keypoint'][1, :, 0, 0], [108, 112, 117])


def test_tracks_of_a_tracker_and_the_demos_format(tmp_path):
    scores = [0.5] * 17
    frames = [
        dict(frame_id=1, instances=[body(100, track_id=7, keypoint_scores=scores)]),
        dict(frame_id=2, instances=[body(400, track_id=7), body(100, track_id=9)]),
    ]
    member = pose_file(tmp_path / 'a.json', dict(meta_info={}, instance_info=frames))
    arrays = read_pose_results(member, 17)
    np.testing.assert_array_equal(arrays['keypoint'][:, :, 0, 0], [[100, 400], [0, 100]])
    np.testing.assert_array_equal(arrays['keypoint_score'][0, :, 0], [0.5, 1])


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ([], 'expected a list of frames'),
        ({'frames': []}, 'expected a list of frames'),
        ([dict(frame_id=0, instances=[])], 'no frame has an instance'),
        ([dict(frame_id=0)], r"frame 0: KeyError\('instances'\)"),
        ([dict(frame_id=0, instances=[dict(keypoints=[[1, 2]] * 16)])], 'frame 0.*16, 2'),
        ([dict(frame_id=0, instances=[dict(keypoints=[[1, 'x']] * 17)])], 'frame 0'),
        ([3], 'frame 0'),
    ],
)
def test_malformed_pose_files_are_named(tmp_path, content, message):
    with pytest.raises(ValueError, match=rf'a\.json: .*{message}'):
        read_pose_results(pose_file(tmp_path / 'a.json', content), 17)
    (tmp_path / 'a.json').write_text('[')
    with pytest.raises(ValueError, match=r'a\.json: no JSON'):
        read_pose_results(ArchiveFile(tmp_path / 'a.json'), 17)
