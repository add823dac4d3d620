"""Every kind of input that the inferencer reads."""

import json
import pickle
import zipfile

import numpy as np
import pytest

from mmcl_ext.datasets.converters.custom import convert_custom
from mmcl_ext.datasets.converters.ntu import convert_ntu
from mmcl_ext.datasets.converters.pickle_file import convert_pickle
from mmcl_ext.datasets.converters.utdmhad import read_utdmhad_skeleton
from mmcl_ext.datasets.store import SkeletonStore, write_store
from mmcl_ext.datasets.store.annotation_pickle import AnnotationPickle
from mmcl_ext.fileio.archive_file import ArchiveFile
from mmcl_ext.graphs import get_layout
from mmcl_ext.inference import SkeletonClip, read_clips
from mmcl_ext.inference.read_clips import ClipDefaults


def read(source, **kwargs):
    return list(read_clips(source, **kwargs))


def same(clip, keypoint):
    np.testing.assert_array_equal(clip.keypoint, keypoint)
    assert clip.keypoint.dtype == np.float32


def test_arrays(inferencer, walk):
    same(read(walk)[0], walk)
    same(read(walk[0])[0], walk)
    single, several = inferencer([walk[0], walk])
    np.testing.assert_array_equal(single.pred_score, several.pred_score)
    with pytest.raises(ValueError, match=r'expected numbers \(T, V, C\)'):
        read(walk[0, 0])
    with pytest.raises(TypeError, match='a clip is'):
        read(3)


SHAPES = [
    *((9, 20, 3), (9, 20, 2), (1, 9, 20, 3), (2, 9, 20, 2), (2, 9, 20, 3), (3, 9, 20, 3)),
    *((3, 9, 20, 2), (3, 9, 20, 1), (2, 9, 20, 1), (9, 20, 4), (1, 9, 20, 4), (9, 20, 1)),
    *((0, 20, 3), (1, 0, 20, 3), (20, 3), (1, 1, 9, 20, 3), (9, 0, 3)),
]


def stored(convert, source, path, **options):
    try:
        convert(source, path, progress=False, **options)
    except ValueError as error:
        return str(error)
    return SkeletonStore(path).keypoint(0)


def loaded(source, **options):
    try:
        return read(source, **options)[0].keypoint
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize('axes', [None, 'MTVC', 'CTVM'])
@pytest.mark.parametrize('shape', SHAPES)
def test_every_reader_judges_a_shape_alike(tmp_path, shape, axes):
    array = np.random.default_rng(0).normal(size=shape).astype('f4')
    np.save(tmp_path / 'a.npy', array)
    (tmp_path / 'labels.csv').write_text('name,label\na,0\n')
    expected = stored(
        convert_custom, tmp_path, tmp_path / 'o.safetensors', layout='kinect_v1', axes=axes
    )
    defaults = ClipDefaults('kinect_v1', axes)
    found = [loaded(source, defaults=defaults) for source in (tmp_path / 'a.npy', array)]
    if axes == 'MTVC':  # the layout of annotations is this one by definition
        annotation = dict(frame_dir='a', label=0, keypoint=array)
        (tmp_path / 'a.pkl').write_bytes(pickle.dumps([annotation]))
        found += [loaded(annotation), loaded(tmp_path / 'a.pkl')]
        found.append(stored(convert_pickle, tmp_path / 'a.pkl', tmp_path / 'p.safetensors'))
    if isinstance(expected, np.ndarray):
        assert expected.shape[2:] in [(20, 2), (20, 3)]
    for other in found:
        if isinstance(expected, str):
            assert isinstance(other, str), other.shape
            assert expected.split(': ', 1)[1][:40] in other
        else:
            np.testing.assert_array_equal(other, expected)


def test_axes_that_can_be_read_two_ways(inferencer, walk, tmp_path):
    feeder = np.concatenate([walk, walk]).transpose(3, 1, 2, 0)  # (C, T, V, M)
    np.save(tmp_path / 'a.npy', feeder)
    for source in (feeder, tmp_path / 'a.npy'):
        with pytest.raises(ValueError, match=r'3 persons with 2 coordinates, or .* \(--axes MTVC'):
            inferencer(source)
        (result,) = inferencer(source, axes='CTVM')
        same(result.clip, np.concatenate([walk, walk]))
    with pytest.raises(ValueError, match="got 'TVMC'"):
        inferencer(feeder, axes='TVMC')


def test_an_ending_in_capitals_is_the_same_ending(walk, tmp_path):
    (tmp_path / 'labels.csv').write_text('name,label\na,0\nb,1\nc,0\n')
    rows = [f'{t},{v},{x},{y},{z}' for t in range(30) for v, (x, y, z) in enumerate(walk[0, t])]
    (tmp_path / 'a.CSV').write_text('frame,joint,x,y,z\n' + '\n'.join(rows))
    with (tmp_path / 'b.NPY').open('wb') as file:
        np.save(file, walk)
    with zipfile.ZipFile(tmp_path / 'more.ZIP', 'w') as archive:
        archive.write(tmp_path / 'b.NPY', 'c.Npy')
    convert_custom(tmp_path, tmp_path / 'o', layout='kinect_v1', progress=False)
    store = SkeletonStore(tmp_path / 'o')
    assert list(store.names) == ['a', 'b', 'c']
    for i, name in enumerate(('a.CSV', 'b.NPY')):
        np.testing.assert_allclose(store.keypoint(i), walk, rtol=1e-6)
        same(read(tmp_path / name, layout='kinect_v1')[0], store.keypoint(i))


def test_a_wrong_split_of_a_pickle_is_refused_as_in_training(walk, tmp_path):
    annotations = [dict(frame_dir=f's{i}', label=i, keypoint=walk) for i in range(3)]
    splits = dict(good=['s2', 's0'], unknown=['s0', 's9'], twice=['s1', 's1'], text='s0')
    content = dict(split=splits, annotations=annotations)
    (tmp_path / 'a.pkl').write_bytes(pickle.dumps(content))
    assert [clip.name for clip in read(f'{tmp_path / "a.pkl"}::good')] == ['s0', 's2']
    for name, problem in (
        ('unknown', "names the unknown sample 's9'"),
        ('twice', "sample 's1' comes twice"),
        ('text', 'is no list of names'),
    ):
        with pytest.raises(ValueError, match=f"a.pkl: split '{name}':? {problem}"):
            read(f'{tmp_path / "a.pkl"}::{name}')
        content['split'] = {name: splits[name]}
        (tmp_path / 'b.pkl').write_bytes(pickle.dumps(content))
        with pytest.raises(ValueError, match=f"b.pkl: split '{name}':? {problem}"):
            AnnotationPickle(tmp_path / 'b.pkl')


def test_store(inferencer, walk, tmp_path):
    path = tmp_path / 'store.safetensors'
    samples = [dict(name=f's{i}', label=i, keypoint=walk + i) for i in range(3)]
    splits = dict(train=['s0'], val=['s2', 's1'])
    write_store(path, samples, layout='kinect_v1', classes=list('abc'), splits=splits)
    assert [clip.name for clip in read(SkeletonStore(path))] == ['s0', 's1', 's2']
    assert [clip.name for clip in read(path)] == ['s0', 's1', 's2']
    assert [(c.name, c.index, c.label) for c in read(f'{path}::val')] == [
        ('s2', 0, 2),
        ('s1', 1, 1),
    ]
    same(read(f'{path}::s1')[0], walk + 1)
    with pytest.raises(ValueError, match="no sample or split 's9'"):
        read(f'{path}::s9')
    assert [result.name for result in inferencer(path)] == ['s0', 's1', 's2']


def test_files_of_the_data_sets(inferencer, ntu, real_files):
    utd = read(real_files['mat'])[0]
    same(utd, read_utdmhad_skeleton(ArchiveFile(real_files['mat'])))
    assert (utd.name, utd.layout) == ('a1_s2_t1', 'kinect_v1')
    ucla = read(real_files['ucla'])[0]
    content = json.loads(real_files['ucla'].read_text())
    same(ucla, np.array(content['skeletons'], np.float32)[None])
    one, two = (
        read(real_files[key], defaults=ClipDefaults('nturgb+d-ctrgcn'))[0] for key in ('one', 'two')
    )
    assert one.keypoint.shape[0] == 1
    assert two.keypoint.shape[0] == 2
    assert one.layout == 'nturgb+d-ctrgcn'
    for model in (inferencer, ntu):  # any layout through interpolation
        results = model([real_files[key] for key in ('mat', 'ucla', 'one', 'two')])
        assert [result.name for result in results] == [c.name for c in (utd, ucla, one, two)]
        assert all(np.isfinite(result.pred_score).all() for result in results)


@pytest.mark.parametrize('layout', ['nturgb+d', 'nturgb+d-ctrgcn'])
def test_ntu_files_are_read_as_they_are_converted(real_files, tmp_path, layout):
    preprocessing = 'ctrgcn' if layout == 'nturgb+d-ctrgcn' else 'pyskl'
    report = convert_ntu(
        real_files['one'].parent,
        tmp_path / 'ntu.safetensors',
        preprocessing=preprocessing,
        progress=False,
    )
    store = SkeletonStore(tmp_path / 'ntu.safetensors')
    assert store.layout == layout, report
    for path in (real_files['one'], real_files['two']):
        (clip,), (converted,) = (
            read(source, defaults=ClipDefaults(layout))
            for source in (path, f'{store.path}::{path.stem}')
        )
        assert clip.keypoint.shape == converted.keypoint.shape
        np.testing.assert_allclose(clip.keypoint, converted.keypoint, rtol=1e-3, atol=1e-3)


def test_custom_files(inferencer, walk, tmp_path):
    np.save(tmp_path / 'clip.npy', walk[0])
    names = get_layout('kinect_v1').joint_names
    lines = ['frame,joint,x,y,z,person']
    for t, frame in enumerate(walk[0, :4].tolist()):
        lines += [f'{t},{name},{x},{y},{z},0' for name, (x, y, z) in zip(names, frame, strict=True)]
    (tmp_path / 'clip.csv').write_text('\n'.join(lines))
    same(read(tmp_path / 'clip.npy', defaults=ClipDefaults('kinect_v1'))[0], walk)
    table = read(tmp_path / 'clip.csv', layout='kinect_v1')[0]
    np.testing.assert_allclose(table.keypoint, walk[:, :4], rtol=1e-6)
    assert len(inferencer([tmp_path / 'clip.npy', tmp_path / 'clip.csv'])) == 2


def pose_frames(persons):
    """Frames as MMPose's inferencer writes them; the order of the persons alternates."""
    frames = []
    for t in range(persons.shape[1]):
        order = range(len(persons)) if t % 2 else reversed(range(len(persons)))
        instances = [
            dict(
                keypoints=persons[m, t].tolist(),
                keypoint_scores=[0.9 - 0.1 * m] * persons.shape[2],
                bbox=[[0, 0, 1, 1]],
                bbox_score=1.0,
            )
            for m in order
        ]
        frames.append(dict(frame_id=t, instances=instances))
    return frames


@pytest.fixture
def two_persons():
    """(M=2, T=6, V=17, C=2) pixels, far apart, moving by a pixel a frame."""
    body = np.random.default_rng(1).uniform(0, 100, size=(1, 1, 17, 2))
    place = np.array([[100, 100], [400, 120]])[:, None, None]
    return (body + place + np.arange(6)[:, None, None]).astype(np.float32)


def test_mmpose_results(two_persons, tmp_path):
    frames = pose_frames(two_persons)
    by_script = dict(meta_info=dict(dataset_name='coco'), instance_info=frames)
    (tmp_path / 'video.json').write_text(json.dumps(frames))
    (tmp_path / 'script.json').write_text(json.dumps(by_script))
    for source in (tmp_path / 'video.json', tmp_path / 'script.json', frames, by_script):
        clip = read(source)[0]
        assert clip.layout == 'coco'
        assert clip.keypoint_score.shape == (2, 6, 17)
        # Each in a place of its own although the order alternates.
        same(clip, two_persons)
    (tmp_path / 'image.json').write_text(json.dumps(frames[1]['instances']))
    same(read(tmp_path / 'image.json')[0], two_persons[:, 1:2])
    by_mmaction = [
        dict(keypoints=two_persons[:, t], keypoint_scores=np.ones((2, 17))) for t in range(6)
    ]
    same(read(by_mmaction)[0], two_persons)


def test_mmpose_results_with_gaps(two_persons):
    frames = pose_frames(two_persons)
    frames[2]['instances'] = []
    clip = read(frames)[0]
    assert not clip.keypoint[:, 2].any()
    np.testing.assert_array_equal(clip.keypoint[:, 3:], two_persons[:, 3:])
    with pytest.raises(ValueError, match='nobody was found in its 2 frames'):
        read([dict(frame_id=0, instances=[]), dict(frame_id=1, instances=[])])


def test_mmpose_results_say_who_is_who_and_when(two_persons):
    frames = pose_frames(two_persons)
    for frame in frames:
        frame['frame_id'] *= 2
        for instance in frame['instances']:
            instance['track_id'] = int(instance['keypoint_scores'][0] < 0.85)
    clip = read(dict(instance_info=[dict(f, frame_id=f['frame_id'] + 1) for f in frames]))[0]
    np.testing.assert_array_equal(clip.keypoint[:, ::2], two_persons)
    assert not clip.keypoint[:, 1::2].any()
    frames[-1]['frame_id'] = 10**9
    with pytest.raises(ValueError, match='frame_id from 0 to 1000000000'):
        read(frames)


def test_annotations(inferencer, two_persons, walk, tmp_path):
    annotation = dict(
        frame_dir='clip',
        label=3,
        img_shape=(480, 640),
        keypoint=two_persons,
        keypoint_score=np.ones((2, 6, 17), np.float16),
        total_frames=6,
    )
    clip = read(annotation)[0]
    same(clip, two_persons)
    assert (clip.name, clip.label, clip.layout) == ('clip', 3, 'coco')
    assert clip.extra['img_shape'] == (480, 640)
    other = annotation | dict(frame_dir='other')
    for label in ('wave', -1, True, 3.0, None):
        assert read(annotation | dict(label=label))[0].label is None
    same(read(annotation | dict(keypoint=two_persons.tolist()))[0], two_persons)
    with pytest.raises(ValueError, match="clip 'clip': field 'keypoint'"):
        read(annotation | dict(keypoint=[[1, 2], [3]]))
    for file, content in (
        ('list.pkl', [annotation, other]),
        ('split.pkl', dict(split=dict(val=['other']), annotations=[annotation, other])),
    ):
        (tmp_path / file).write_bytes(pickle.dumps(content))
        assert [c.name for c in read(tmp_path / file)] == ['clip', 'other']
    assert [c.name for c in read(f'{tmp_path}/split.pkl::val')] == ['other']
    kinect = dict(frame_dir='kinect', keypoint=walk, label=0)
    expected = inferencer(walk)[0].pred_score
    np.testing.assert_array_equal(inferencer(kinect)[0].pred_score, expected)


def test_pickles_run_nothing(tmp_path):
    class Hostile:
        def __reduce__(self):
            return (print, ('executed',))

    (tmp_path / 'bad.pkl').write_bytes(pickle.dumps([Hostile()]))
    with pytest.raises(ValueError, match='cannot be read as plain data'):
        read(tmp_path / 'bad.pkl')


def test_unusable_files(tmp_path, shared):
    (tmp_path / 'bad.json').write_text('{')
    (tmp_path / 'other.json').write_text('{"a": 1}')
    (tmp_path / 'clip.txt').write_text('')
    for file, message in (
        ('bad.json', 'no JSON'),
        ('other.json', 'neither results of a pose estimation nor'),
        ('clip.txt', 'unknown kind of file'),
    ):
        with pytest.raises(ValueError, match=message):
            read(tmp_path / file)
    with pytest.raises(FileNotFoundError, match='there is no file'):
        read(tmp_path / 'absent.npy')
    # MMAction2's sample holds boxes and refers to keypoints in another file.
    with pytest.raises(ValueError, match=r'sample\.pkl holds no skeletons.* found: dict with \['):
        read(shared / 'datasets/mmaction2_samples/sample.pkl')


@pytest.mark.parametrize(
    ('content', 'found'),
    [
        ([dict(pred_score=np.ones(3), gt_label=1)], "dict with ['gt_label', 'pred_score']"),
        (dict(state_dict={}), "dict with ['state_dict']"),
        (dict(annotations=dict(a=1)), 'dict'),
        (dict(annotations=[]), 'empty list'),
        ([1, 2], 'list of int'),
        (np.ones((1, 2, 17, 2)), 'ndarray'),
        ([], 'empty list'),
    ],
)
def test_pickles_of_something_else(tmp_path, content, found):
    (tmp_path / 'other.pkl').write_bytes(pickle.dumps(content))
    with pytest.raises(ValueError, match='holds no skeletons') as caught:
        read(tmp_path / 'other.pkl')
    assert str(caught.value).startswith(f'{tmp_path}/other.pkl')
    assert str(caught.value).endswith(f'found: {found}')


def test_clips_pass_through(walk):
    clip = SkeletonClip('mine', walk, 'kinect_v1')
    assert read(clip) == [clip]
