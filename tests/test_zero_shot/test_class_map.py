"""Class maps: what they refuse, and those that are shipped."""

import re
from collections import Counter
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from mmengine.config import Config

from mmcl_ext.datasets.class_map import ClassMap, class_names

SOURCE, TARGET = ('sit', 'stand', 'jump', 'hop'), ('up', 'leap', 'down', 'read')
CONFIG = dict(
    rows=[dict(target='up', source='stand'), dict(target='leap', source=['jump', 'hop'])],
    excluded=['down', 'read'],
)
BASES = Path(__file__).resolve().parents[2] / 'configs/_base_/zero_shot'
MAPS = sorted(BASES.glob('*_to_*.py'))


def test_rows_as_arrays():
    class_map = ClassMap.from_config(CONFIG, SOURCE, TARGET)
    assert class_map.row_of_target.tolist() == [0, 1, -1, -1]
    assert class_map.source_of_row.tolist() == [
        [False, True, False, False],
        [False, False, True, True],
    ]
    assert [row.name for row in class_map.rows] == ['up', 'leap']


def test_several_targets_in_a_row():
    rows = [dict(target=['up', 'leap'], source='jump')]
    class_map = ClassMap.from_config(CONFIG | dict(rows=rows), SOURCE, TARGET)
    assert class_map.row_of_target.tolist() == [0, 0, -1, -1]
    assert class_map.rows[0].name == 'up / leap'


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(rows=[dict(target='up', source='run')]), "'run' is no class of the source"),
        (dict(rows=[dict(target='fly', source='sit')]), "'fly' is no class of the target"),
        (dict(excluded=['down', 'write']), "'write' is no class of the target"),
        (dict(rows=[dict(target=t, source='sit') for t in ('up', 'leap')]), "'sit' comes twice"),
        (dict(excluded=['down', 'read', 'up']), "'up' comes twice"),
        (dict(excluded=['down']), r"\['read'\] are in no row"),
        (dict(rows=[]), 'no rows'),
        (dict(rows=[dict(target='up', source=[])]), 'no classes on one side'),
        (dict(rows=[dict(target='up')]), 'a class map has rows='),
        (dict(left_out=[]), r"got \['left_out'\]"),
    ],
)
def test_refused(changes, message):
    if changes.get('rows') and 'in no row' not in message and 'excluded' not in changes:
        absent = {'up', 'leap'} - {row['target'] for row in changes['rows']}
        changes = changes | dict(excluded=['down', 'read', *sorted(absent)])
    with pytest.raises(ValueError, match=message):
        ClassMap.from_config(CONFIG | changes, SOURCE, TARGET)


@pytest.mark.parametrize('path', MAPS, ids=lambda path: path.stem)
def test_shipped_maps_fit_the_classes(path):
    target = Config.fromfile(path).target
    names = class_names(Path(target.ann_file).stem)
    class_map = ClassMap.from_config(target.class_map, class_names(target.source_classes), names)
    assert (class_map.row_of_target < 0).sum() == len(class_map.excluded)


def test_the_authors_labels():
    """Published code: a3, a6, a7, a24, a25, a27 are NTU's 22, 95, 62, 8, 7, 79."""
    config = Config.fromfile(BASES / 'ntu120_to_utdmhad_paper.py').target.class_map
    class_map = ClassMap.from_config(config, class_names('ntu120'), class_names('utdmhad'))
    rows = class_map.row_of_target
    labels = {f'a{i + 1}': int(class_map.source_of_row[row].argmax())
              for i, row in enumerate(rows) if row >= 0}  # fmt: skip
    assert labels == dict(a3=22, a6=95, a7=62, a24=8, a25=7, a27=79)
    assert class_map.source_of_row.sum() == 6


def sequences(shared, dataset):
    """Number of sequences of each action in the authors' archives, by its number."""
    archive = dict(utdmhad='utd_mhad/Skeleton.zip', nwucla='nw_ucla/all_sqe.zip')[dataset]
    with ZipFile(shared / 'datasets' / archive) as file:
        found = (
            re.search(r'(?:^|/)a(\d+)_s[^/]*\.(?:mat|json)$', name) for name in file.namelist()
        )
        counts = Counter(int(match[1]) for match in found if match)
    return [counts[action] for action in sorted(counts)]  # NW-UCLA leaves out 7 and 10


@pytest.mark.parametrize('path', [m for m in MAPS if 'sysu' not in m.stem], ids=lambda p: p.stem)
def test_as_many_sequences_are_tested_as_the_page_says(shared, path):
    target = Config.fromfile(path).target
    dataset = Path(target.ann_file).stem
    names = class_names(dataset)
    class_map = ClassMap.from_config(target.class_map, class_names(target.source_classes), names)
    tested = [row >= 0 for row in class_map.row_of_target]
    number = sum(np.array(sequences(shared, dataset))[tested])
    page = (BASES.parents[2] / 'docs/zero_shot.md').read_text()
    stem = {'ntu120_to_utdmhad': 'ntu120_to_utdmhad_all'}.get(path.stem, path.stem)
    stem = stem.removesuffix('_paper')
    row = rf'\| `ctrgcn_(?:hdgraph_)?{stem}` \|.*\| (\d+) \((\d+)\) \| (\d+) \|'
    assert set(re.findall(row, page)) == {(str(sum(tested)), str(len(class_map.rows)), str(number))}


def test_class_names():
    assert [len(class_names(name)) for name in ('ntu60', 'ntu120', 'sysu')] == [60, 120, 12]
    assert class_names(['a', 'b']) == ('a', 'b')
    assert class_names('utd_mhad') == class_names('utdmhad')  # as older configurations write it
    with pytest.raises(ValueError, match='ucf101'):
        class_names('ucf101')
    for name in ('ntu120', 'nwucla', 'utdmhad', 'sysu'):
        assert len(np.unique(class_names(name))) == len(class_names(name))
