"""Stores, features and boxes that contradict themselves are refused in one line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.datasets.store.box_file import BoxFile, SampleBoxes, write_box_file
from mmcl_ext.datasets.store.feature_file import FeatureFile, write_feature_file
from mmcl_ext.fileio.tensor_container import TensorContainer
from mmcl_ext.graphs.layouts import get_layout, register_layout

NAMES = ['a', 'b', 'c']


def header_of(path: Path) -> tuple[dict[str, Any], bytes]:
    content = path.read_bytes()
    size = int.from_bytes(content[:8], 'little')
    return json.loads(content[8 : 8 + size]), content[8 + size :]


def replace_header(path: Path, header: dict[str, Any] | str) -> None:
    _, data = header_of(path)
    text = header if isinstance(header, str) else json.dumps(header)
    encoded = text.encode() + b' ' * (-len(text.encode()) % 8)
    path.write_bytes(len(encoded).to_bytes(8, 'little') + encoded + data)


def change_text(path: Path, **fields: Any) -> None:
    """Replace items of the metadata; values are encoded, None removes."""
    header, _ = header_of(path)
    header['__metadata__'] |= {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in fields.items()
    }
    replace_header(path, header)


def change_tables(path: Path, **tables: np.ndarray) -> None:
    header, _ = header_of(path)
    save_file(load_file(path) | tables, path, header['__metadata__'])


def refused(kind: type[TensorContainer], path: Path) -> str:
    with pytest.raises(ValueError, match=path.name) as error:
        kind(path)
    text = str(error.value)
    assert text.isprintable()
    assert len(text) < 600
    return text


@pytest.fixture
def features(tmp_path: Path) -> Path:
    write_feature_file(tmp_path / 'f.safetensors', np.ones((3, 4), 'f4'), NAMES)
    return tmp_path / 'f.safetensors'


@pytest.fixture
def boxes(tmp_path: Path) -> Path:
    box = np.array([[0.0, 0, 2, 2], [1, 1, 2, 2]])
    sample = SampleBoxes(box, np.ones(2, bool), np.arange(2), 4, (8, 6))
    write_box_file(tmp_path / 'b.safetensors', dict.fromkeys(NAMES, sample))
    return tmp_path / 'b.safetensors'


@pytest.mark.parametrize(
    ('entry', 'message'),
    [
        (dict(data_offsets=[-16, 32]), "'data_offsets': [-16, 32] is no pair of positions"),
        (dict(data_offsets=[48, 0]), "'data_offsets': [48, 0] do not span 48 bytes"),
        (dict(data_offsets=[0, 40]), 'do not span'),
        (dict(data_offsets=[8, 56]), 'begins at 8, where the tensor before ends at 0'),
        (dict(data_offsets=[0.0, 48]), 'no pair'),
        (dict(shape=[3, 2**62]), 'larger than an array can be'),
        (dict(shape=[0, 2**62, 2**62], data_offsets=[0, 0]), 'larger than an array can be'),
        (dict(shape=[-3, -4]), 'no shape'),
        (dict(shape=[3, True, 4]), 'no shape'),
        (dict(shape=[1] * 40), 'no shape'),
        (dict(shape=[3, 4 * 10**12], data_offsets=[0, 48 * 10**12]), 'its header promises 48000'),
        (dict(dtype='F33'), "'dtype': 'F33' is no element type"),
        (dict(dtype=['F32']), 'no element type'),
        (dict(dtype='I32'), "'features' is I32, field 'element_type' says 'F32'"),
        (dict(dtype='U32'), 'is no feature file'),
        (dict(shape=[12]), r'names 3 rows of shape (12,)'),
        (dict(shape=[2, 6]), r'names 3 rows of shape (2, 6)'),
    ],
)
def test_entries_that_cannot_be(features: Path, entry: dict[str, Any], message: str) -> None:
    header, _ = header_of(features)
    header['features'] |= entry
    replace_header(features, header)
    assert message in refused(FeatureFile, features)


def test_overlapping_tensors(features: Path) -> None:
    header, _ = header_of(features)
    header['other'] = dict(dtype='U8', shape=[40], data_offsets=[0, 40])
    replace_header(features, header)
    assert "'features': field 'data_offsets': begins at 0" in refused(FeatureFile, features)


@pytest.mark.parametrize(
    ('header', 'message'),
    [
        ('{"a":1,"a":1}', "names 'a' twice"),
        ('[' * 50_000, 'nested too deeply'),
        ('{"__metadata__":{"names":[1]}}', 'something else than text'),
        ('{"__metadata__":[]}', 'something else than text'),
        ('{"a":[]}', "'a' needs the fields"),
        ('[1, 2]', 'no JSON object'),
        ('{"a\\n\\u001b":1}', r"'a\n\x1b' needs the fields"),
        (f'{{"{"a" * 5000}":1}}', 'aaa... needs the fields'),
    ],
)
def test_headers_that_cannot_be(features: Path, header: str, message: str) -> None:
    replace_header(features, header)
    assert message in refused(FeatureFile, features)


@pytest.mark.parametrize(
    ('names', 'message'),
    [
        (['a', 'b', 'a'], "'names': sample 'a' occurs more than once"),
        (['a', 'b', 3], "'names': a name is no string: 3"),
        ('[1', "'names': no JSON that can be read"),
        ('"abc"', "'names': expected a list, got 'abc'"),
        ('["a","b","\\ud800"]', 'half a character'),
        (['a', 'b'], 'names 2 rows'),
    ],
)
def test_names_that_cannot_be(features: Path, boxes: Path, names: Any, message: str) -> None:
    change_text(features, names=names)
    assert message in refused(FeatureFile, features)
    change_text(boxes, names=names)
    refused(BoxFile, boxes)


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_values_that_are_not_finite(features: Path, boxes: Path, value: float) -> None:
    rows = np.ones((3, 4), 'f4')
    rows[1, 2] = value
    change_tables(features, features=rows)
    file = FeatureFile(features)
    assert file.read('a').tolist() == [1, 1, 1, 1]
    with pytest.raises(ValueError, match=r"f\.safetensors: sample 'b': field 'features': not fin"):
        file.read('b')
    assert not np.isfinite(file.read('b', finite=False)).all()
    change_tables(boxes, boxes=np.full((6, 4), value, 'f4'))
    with pytest.raises(ValueError, match=r"b\.safetensors: sample 'a': field 'boxes': not a box"):
        BoxFile(boxes).read('a')


@pytest.mark.parametrize(
    ('tables', 'message'),
    [
        (dict(row_end=np.array([2, 2, 6])), "'row_end' does not ascend"),
        (dict(row_end=np.array([-2, 4, 6])), "'row_end' does not ascend"),
        (dict(row_end=np.array([2.0, 4, 6])), "'row_end' is F64"),
        (dict(num_frames=np.array([4, 0, 4])), 'below 1'),
        (dict(image_size=np.full((3, 2), -8)), 'below 1'),
        (dict(found=np.ones(5, np.uint8)), r"'found' is U8 of shape (5,)"),
        (dict(boxes=np.ones((6, 4), np.int32)), "'boxes' is I32"),
    ],
)
def test_tables_of_boxes(boxes: Path, tables: dict[str, np.ndarray], message: str) -> None:
    change_tables(boxes, **tables)
    assert message in refused(BoxFile, boxes)


def test_frame_numbers_and_flags_of_boxes(boxes: Path) -> None:
    change_tables(boxes, frame_numbers=np.array([0, 4, 1, 0, 0, 1]), found=np.full(6, 2, 'u1'))
    file = BoxFile(boxes)
    for name in 'ab':
        with pytest.raises(ValueError, match=rf"sample '{name}': field 'frame_numbers'.*not asc"):
            file.frame_numbers(name)
    with pytest.raises(ValueError, match=r"field 'found': holds something else than 0 and 1"):
        file.read('a')


@pytest.mark.parametrize(
    ('tables', 'message'),
    [
        (dict(label=np.arange(12)), "'label': 3 is outside the 3 classes"),
        (dict(label=np.full(12, -1)), "'label': -1 is outside"),
        (dict(label=np.zeros(12)), "'label' is F64"),
        (dict(num_person=np.full(12, -1)), "'num_person', 'num_frames'"),
        (dict(num_frames=np.full(12, 2**62)), "'num_person', 'num_frames'"),
        (dict(num_nonfinite=np.full(12, -1)), "'num_nonfinite'"),
        (dict(num_nonfinite=np.full(12, 10**6)), "'num_nonfinite'"),
        ({'split.val': np.array([1, 2, 1])}, "'split.val': position 1 twice"),
        ({'split.val': np.array([-1])}, 'outside the 12 samples'),
        (dict(name_end=np.repeat(np.arange(1, 13), 1)), "'name_end': the ends"),
        (dict(keypoint=np.zeros((279, 25, 3), np.int32)), "'keypoint' is I32"),
    ],
)
def test_tables_of_stores(store_path: Path, tables: dict[str, np.ndarray], message: str) -> None:
    change_tables(store_path, **tables)
    assert message in refused(SkeletonStore, store_path)


@pytest.mark.parametrize(
    ('fields', 'message'),
    [
        (dict(classes=['wave', 'kick']), "'label': 2 is outside the 2 classes"),
        (dict(classes=['wave', 'kick', 1]), "'classes': a name is no string: 1"),
        (dict(splits=['train', 'other']), "'split.other' is missing"),
        (dict(splits=['x' * 5000]), 'xxx... is missing'),
        (dict(format_version='\x1b[2J\ud800'), r'has version \x1b[2J\ud800 of the format'),
        (dict(recipe=[]), "'recipe': expected a dict"),
        (dict(layout='octopus'), "'layout_description': 'name' is not 'octopus'"),
        (dict(layout='coco'), "'joint_names' differs from the known layout 'coco'"),
    ],
)
def test_text_of_stores(store_path: Path, fields: dict[str, Any], message: str) -> None:
    change_text(store_path, **fields)
    assert message in refused(SkeletonStore, store_path)


def test_names_of_stores(make_store: Callable[..., Path]) -> None:
    path = make_store()
    path.write_bytes(path.read_bytes().replace(b'clip_03', b'clip_02'))
    assert "sample 'clip_02_é' occurs more than once" in refused(SkeletonStore, path)
    path = make_store()
    path.write_bytes(path.read_bytes().replace(b'clip_03_\xc3', b'clip_03_\xff'))
    assert "'name_text', 'name_end': 'utf-8' codec" in refused(SkeletonStore, path)


def test_a_layout_that_differs_from_the_known_one(make_store: Callable[..., Path]) -> None:
    """Stores of a layout of one's own, which was registered otherwise since."""
    own = dict(name='own', num_node=25, edges=[(i, 0) for i in range(1, 25)], center=0)
    register_layout(own)
    path = make_store(layout='own')
    assert SkeletonStore(path).layout == 'own'
    register_layout(own | dict(pairs=[(1, 2)]), force=True)
    assert "'pairs' differs from the known layout 'own'" in refused(SkeletonStore, path)
    header, _ = header_of(path)
    description = json.loads(header['__metadata__']['layout_description']) | dict(name='new')
    bad: list[tuple[dict[str, Any], str]] = [
        (dict(center=99), '99'),
        (dict(edges=3), ''),
        (dict(joint_names=['a'] * 24), '24'),
        (dict(joint_names=[1] * 25), 'list of strings'),
        (dict(pairs='abc'), ''),
    ]
    for change, message in bad:
        change_text(path, layout='new', layout_description=description | change)
        assert message in refused(SkeletonStore, path)
    change_text(path, layout='new', layout_description=description)
    assert SkeletonStore(path).num_joints == get_layout('new').num_joints
