"""Readers of skeletons, images and tables as others write them, and small files for them."""

import io
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
from mutation import (
    in_zip,
    mutate_bytes,
    mutate_json_file,
    mutate_npy,
    mutate_text,
    pack,
)
from scipy.io import savemat

from mmcl_ext.datasets.converters import custom
from mmcl_ext.datasets.converters.conversion import DroppedSampleError
from mmcl_ext.datasets.converters.ctrgcn_npz import (
    NpzArray,
    NpzReader,
    _check_rows,
    _read_labels,
    _read_names,
)
from mmcl_ext.datasets.converters.matlab import read_matlab_field
from mmcl_ext.datasets.converters.ntu import NTUReader
from mmcl_ext.datasets.converters.nwucla import read_nwucla_skeleton
from mmcl_ext.datasets.converters.skeleton_file import read_skeleton_file
from mmcl_ext.datasets.converters.sysu import read_sysu_skeleton
from mmcl_ext.datasets.converters.utdmhad import read_utdmhad_skeleton
from mmcl_ext.datasets.validation.check_composites import check_composites
from mmcl_ext.fileio import archive_file
from mmcl_ext.fileio.archive_file import ArchiveFile, find_files
from mmcl_ext.graphs.layouts import load_layout
from mmcl_ext.inference import read_clips
from mmcl_ext.inference.read_clips import ClipDefaults
from mmcl_ext.mmcl import LoadCompositeImage
from mmcl_ext.preparation.composites.composite_folder import CompositeFolder
from mmcl_ext.preparation.text.nanodet import _read_convolutions
from mmcl_ext.preparation.text.npy_features import NpyFeatures
from mmcl_ext.preparation.text.vqa_source import CompositeReader
from mmcl_ext.preparation.videos.video import count_frames, read_frames

RNG = np.random.default_rng(0)


def clips(path: Path) -> None:
    for clip in read_clips(path, defaults=ClipDefaults('coco')):
        assert clip.keypoint.ndim == 4
        assert clip.keypoint.nbytes < 2**28


def member(read: Callable[[ArchiveFile], object]) -> Callable[[Path], None]:
    return lambda path: void(read(ArchiveFile(path)))


def void(_: object) -> None:
    """Nothing: readers return nothing here."""


def as_npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npy_seeds(folder: Path) -> list[bytes]:
    poses = RNG.normal(size=(2, 3, 17, 2)).astype('f4')
    return [as_npy(poses), as_npy(poses[0]), as_npy(np.ones((2, 17, 3)))]


def text_npy_seeds(folder: Path) -> list[bytes]:
    return [as_npy(np.arange(9)), as_npy(np.arange(4)[None])]


def read_text_npy(path: Path) -> None:
    source = NpyFeatures(path.parent)
    assert source.read(path.stem).ndim == 1


def npz_seeds(folder: Path) -> list[bytes]:
    labels = np.eye(3)[[0, 2]].astype('f4')
    rows = RNG.normal(size=(2, 2, 150)).astype('f4')
    arrays = dict(x_train=rows, y_train=labels, x_test=rows[:1], y_test=labels[:1])
    return [pack([(f'{key}.npy', as_npy(value)) for key, value in arrays.items()])]


def read_npz(path: Path) -> None:
    rows = {key: NpzArray(path, f'x_{key}') for key in ('train', 'test')}
    labels = {key: _read_labels(path, key) for key in rows}
    _check_rows(path, rows, labels)
    reader = NpzReader(rows, 'zeros')
    for key, array in rows.items():
        for row in range(len(array)):
            reader((key, row))


def ntu_seeds(folder: Path) -> list[bytes]:
    joint = ' '.join(f'{value:.3g}' for value in RNG.normal(size=11)) + ' 2\n'
    body = '72057594037931101 0 1 1 1 0 0 0.07 -0.2 2\n25\n' + joint * 25
    return [f'2\n1\n{body}1\n{body}'.encode(), f'2\r\n0\r\n2\r\n{body}{body}'.encode()]


def read_ntu(path: Path) -> None:
    read_skeleton_file(ArchiveFile(path), with_pixels=True)
    clips(path)
    with suppress(DroppedSampleError):
        NTUReader('mmaction', translate=True, second_body='copy')(ArchiveFile(path))


def body(joints: int, track_id: int = 3) -> dict[str, object]:
    pose = RNG.normal(size=(joints, 2)).round(2).tolist()
    return dict(keypoints=pose, keypoint_scores=[0.5] * joints, track_id=track_id)


def pose_seeds(folder: Path) -> list[bytes]:
    frames = [dict(frame_id=t, instances=[body(17), body(17, 4)][: t + 1]) for t in range(2)]
    contents = (
        frames,
        dict(meta_info=dict(name='coco'), instance_info=[dict(f, frame_id=1) for f in frames[:1]]),
        [body(17)],
        [dict(keypoints=[body(17)['keypoints']], keypoint_scores=[[1.0] * 17])],
    )
    return [json.dumps(content).encode() for content in contents]


def read_pose(path: Path) -> None:
    custom.CustomReader('coco')(ArchiveFile(path))
    clips(path)


def foreign_pose_seeds(folder: Path) -> list[bytes]:
    """Frames of OpenPose (18 and 25 joints), MediaPipe and Ultralytics."""

    def openpose(joints: int) -> dict[str, object]:
        return dict(people=[dict(pose_keypoints_2d=RNG.random(3 * joints).round(2).tolist())])

    def points(joints: int) -> list[dict[str, float]]:
        values = RNG.random((joints, 3)).round(2).tolist()
        return [dict(zip('xyz', value, strict=True), visibility=0.9) for value in values]

    place = dict(x=[0.5] * 17, y=list(range(17)), visible=[0.9] * 17)
    detections = [dict(name='person', box=dict(x1=0), keypoints=place, track_id=2)]
    contents = (
        [openpose(18), openpose(18)],
        openpose(25),
        dict(width=640, height=480, frames=[dict(landmarks=[points(33)]), dict(landmarks=[])]),
        [dict(pose_world_landmarks=dict(landmark=points(33)))],
        [detections, []],
        [json.dumps(detections)] * 2,
    )
    return [json.dumps(content).encode() for content in contents]


def ucla_seeds(folder: Path) -> list[bytes]:
    joints = RNG.normal(size=(2, 20, 3)).round(2).tolist()
    return [json.dumps(dict(file_name='a01_s01_e00_v01', label=1, skeletons=joints)).encode()]


def read_ucla(path: Path) -> None:
    read_nwucla_skeleton(ArchiveFile(path))
    clips(path)


def csv_seeds(folder: Path) -> list[bytes]:
    plain = 'frame,joint,x,y\n' + ''.join(f'{t},{v},0.5,1\n' for t in (0, 2) for v in (0, 5, 16))
    full = 'person,frame,joint,x,y,z,score\n7,0,nose,1,2,3,0.5\n9,1,left_eye,1,2,3,1\n'
    return [plain.encode(), full.encode()]


def label_seeds(folder: Path) -> list[bytes]:
    return [
        b'name,label,split\na,0,train\nb,2,val;test\n',
        'name,label\nä,sit\nb,"wave, up"\n'.encode(),
    ]


def read_labels(path: Path) -> None:
    table = custom.read_labels(path)
    classes = custom.guess_classes(path, table)
    for name, row in table.items():
        assert custom.label_of(path, name, row, classes) < len(classes)


def layout_seeds(folder: Path) -> list[bytes]:
    own = dict(name='own', joint_names=list('abcd'), edges=[[1, 0], [2, 1], [3, 1]], center=0)
    groups = {'1': [[1], [2], [3, 4]]}
    return [
        json.dumps(dict(own, pairs=[[2, 3]], hd_groups=groups)).encode(),
        json.dumps(dict(name='two', num_node=2, inward=[[1, 0]], center=0)).encode(),
    ]


def zip_seeds(folder: Path) -> list[bytes]:
    (skeleton, _), (npy, *_) = ntu_seeds(folder), npy_seeds(folder)
    return [pack([('raw/S001C001P001R001A001.skeleton', skeleton), ('raw/x.npy', npy)])]


def read_zip(path: Path) -> None:
    archive_file._opened.cache_clear()  # files of one size within a tick of the clock
    for file in find_files(path, '.skeleton').values():
        with suppress(DroppedSampleError):
            NTUReader()(file)
    for file in find_files(path, '.npy').values():
        custom.CustomReader('coco')(file)


def matlab_seeds(field: str, *shape: int) -> Callable[[Path], list[bytes]]:
    def seeds(folder: Path) -> list[bytes]:
        contents = []
        for packed in (False, True):
            file = io.BytesIO()
            savemat(file, {field: RNG.normal(size=shape)}, do_compression=packed)
            contents.append(file.getvalue())
        return contents

    return seeds


def mutate_matlab(data, rng):
    """Mostly the tags at the beginning: the numbers at the end are many."""
    if rng.random() < 0.3:
        return mutate_bytes(data, rng)
    damaged = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        place = 124 + rng.randrange(80)
        value = rng.choice((0, 1, 5, 9, 14, 15, 128, 255, rng.randrange(256)))
        damaged[min(place, len(damaged) - 1)] = value
    return bytes(damaged)


def image_seeds(folder: Path) -> list[bytes]:
    image = RNG.integers(0, 255, (12, 20, 3), np.uint8)
    return [cv2.imencode(ending, image)[1].tobytes() for ending in ('.jpg', '.png', '.bmp')]


def read_image(path: Path) -> None:
    assert LoadCompositeImage(path.parent, (8, 8)).load(path.stem).shape == (3, 8, 8)


def check_image(path: Path) -> None:
    found = check_composites(path.parent, [path.stem], threads=1)
    if any(issue.kind in ('unreadable', 'empty') for issue in found):
        raise ValueError(f'{path}: {found[0].kind}')


def composites_seeds(folder: Path) -> list[bytes]:
    recipe = dict(clips=dict(), composite=CompositeFolder(folder)._recipe())
    return [json.dumps(recipe).encode()]


def read_composites(path: Path) -> None:
    """The recipe of a folder of composites."""
    void(CompositeReader(path.parent).recipe)
    folder = CompositeFolder(path.parent)
    folder._claim(dict(clips={}, composite=folder._recipe()), True)


def person_log_seeds(folder: Path) -> list[bytes]:
    return [b'{"a": 1, "b": 3}']


def read_person_log(path: Path) -> None:
    counts = CompositeFolder(path.parent).missing_persons.merge({'a', 'b'})
    assert all(isinstance(tiles, int) for tiles in counts.values())


_WEIGHTS = RNG.normal(size=40).astype('<f2').tobytes()


def detector_seeds(folder: Path) -> list[bytes]:
    kind = dict(dtype='float32', quantization=dict(dtype='float16'))
    nodes, entries = [], []
    for suffix in ('', '_1'):
        names = f'split{suffix}', f'bias{suffix}'
        shapes = [1, 3, 2, 2], [2]
        entries += [dict(name=n, shape=s, **kind) for n, s in zip(names, shapes, strict=True)]
        nodes += [dict(name=f'P/convolution{suffix}', op='Conv2D', input=['x', names[0]])]
        nodes += [dict(name=f'P/Add{suffix}', op='Add', input=[nodes[-1]['name'], names[1]])]
    entries.insert(0, dict(name='axis', shape=[2], dtype='int32'))
    groups = [dict(paths=['nanodet.bin'], weights=entries)]
    content = dict(modelTopology=dict(node=nodes), weightsManifest=groups)
    return [json.dumps(content).encode()]


def read_detector(path: Path) -> None:
    path.with_suffix('.bin').write_bytes(_WEIGHTS)
    for kernel, bias in _read_convolutions(path).values():
        assert kernel.dtype == bias.dtype == np.float32


def video_seeds(folder: Path) -> list[bytes]:
    path = folder / 'seed.avi'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 5, (32, 16))
    for image in RNG.integers(0, 255, (3, 16, 32, 3), np.uint8):
        writer.write(image)
    writer.release()
    return [path.read_bytes()]


def read_video(path: Path) -> None:
    count = count_frames(path, 'opencv')
    if count > 100:
        raise ValueError(f'{path} has {count} frames')
    void(list(read_frames(path, range(count), backend='opencv')))


TARGETS = {
    'skeleton array': ('pose.npy', clips, npy_seeds, mutate_npy),
    'text array': ('answer.npy', read_text_npy, text_npy_seeds, mutate_npy),
    'npz': ('NTU60_CS.npz', read_npz, npz_seeds, in_zip(mutate_npy)),
    'npz names': ('names.txt', lambda path: void(_read_names(path)), label_seeds, mutate_bytes),
    'NTU skeleton': ('S001C001P001R001A001.skeleton', read_ntu, ntu_seeds, mutate_text),
    'pose JSON': ('pose.json', read_pose, pose_seeds, mutate_json_file),
    'pose JSON of others': ('poses.json', clips, foreign_pose_seeds, mutate_json_file),
    'NW-UCLA JSON': ('a01_s01_e00_v01.json', read_ucla, ucla_seeds, mutate_json_file),
    'joint table': ('pose.csv', clips, csv_seeds, mutate_text),
    'label table': ('labels.csv', read_labels, label_seeds, mutate_text),
    'layout': ('own.json', lambda path: void(load_layout(path)), layout_seeds, mutate_json_file),
    'archive': ('raw.zip', read_zip, zip_seeds, in_zip(mutate_text)),
    'UTD-MHAD skeleton': (
        'a1_s1_t1_skeleton.mat',
        member(read_utdmhad_skeleton),
        matlab_seeds('d_skel', 20, 3, 2),
        mutate_matlab,
    ),
    'UTD-MHAD depth': (
        'a1_s1_t1_depth.mat',
        member(lambda file: read_matlab_field(file, 'd_depth')),
        matlab_seeds('d_depth', 4, 5, 2),
        mutate_matlab,
    ),
    'SYSU skeleton': (
        'sklWorld.mat',
        member(read_sysu_skeleton),
        matlab_seeds('SW', 20, 3, 2),
        mutate_matlab,
    ),
    'composite': ('images/a.jpg', read_image, image_seeds, mutate_bytes),
    'composite check': ('images/a.jpg', check_image, image_seeds, mutate_bytes),
    'recipe': ('images/recipe.json', read_composites, composites_seeds, mutate_json_file),
    'person log': (
        'images/without_person.json',
        read_person_log,
        person_log_seeds,
        mutate_json_file,
    ),
    'detector graph': ('nanodet.json', read_detector, detector_seeds, mutate_json_file),
    'video': ('a.avi', read_video, video_seeds, mutate_bytes),
}
