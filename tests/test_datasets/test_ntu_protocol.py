"""Names, lists and protocols of NTU RGB+D, against published numbers and checksums."""

import hashlib
from collections.abc import Iterable

import pytest

from mmcl_ext.datasets.converters.ntu_protocol import (
    NTUName,
    ntu_classes,
    ntu_missing_names,
    ntu_names,
    ntu_splits,
)


def digest(names: Iterable[str]) -> str:
    return hashlib.sha1('\n'.join(names).encode()).hexdigest()[:12]


@pytest.mark.parametrize(
    ('num_classes', 'recorded', 'missing', 'missing_digest', 'left', 'left_digest'),
    [
        (60, 56_880, 302, 'cc8c6e984500', 56_578, '7ca8df4f3226'),
        (120, 114_480, 535, 'fa76eddaf899', 113_945, '3a616e1facdc'),
    ],
)
def test_names(num_classes, recorded, missing, missing_digest, left, left_digest):
    names, absent = ntu_names(num_classes), ntu_missing_names(num_classes)
    assert len(names) == len(set(names)) == recorded
    assert list(names) == sorted(names)
    assert (len(absent), digest(sorted(absent))) == (missing, missing_digest)
    available = [name for name in names if name not in absent]
    assert (len(available), digest(available)) == (left, left_digest)


# Classes, split, number, first and last in the order by groups, checksums by groups and by name.
SPLITS = """
60 xsub_train 40091 S001C001P001R001A001 S011C003P038R002A060 f9e4741103c2 88c6841f271d
60 xsub_val 16487 S001C001P003R001A001 S016C003P040R002A060 47bfd72d15c8 1c6151ed08f3
60 xview_train 37646 S001C002P001R001A001 S017C003P020R002A060 aaa3520427b1 64e80b679d59
60 xview_val 18932 S001C001P001R001A001 S017C001P020R002A060 d8c5293f6fb0 d8c5293f6fb0
120 xsub_train 63026 S001C001P001R001A001 S032C003P103R002A120 6118828c8b99 e05773ff0990
120 xsub_val 50919 S001C001P003R001A001 S032C003P106R002A120 d256e9518f2b 14ae1230e1f8
120 xset_train 54468 S002C001P003R001A001 S032C003P106R002A120 e35edf93c012 e35edf93c012
120 xset_val 59477 S001C001P001R001A001 S031C003P101R002A120 daea04e1af37 daea04e1af37
"""


@pytest.fixture(scope='module')
def splits():
    return {
        (num_classes, order): ntu_splits(num_classes, order=order)
        for num_classes in (60, 120)
        for order in ('name', 'group')
    }


@pytest.mark.parametrize(
    'row', SPLITS.strip().splitlines(), ids=lambda row: ' '.join(row.split()[:2])
)
def test_splits(splits, row):
    num_classes, key, size, first, last, grouped, by_name = row.split()
    names = splits[int(num_classes), 'group'][key]
    assert (len(names), names[0], names[-1]) == (int(size), first, last)
    assert digest(names) == grouped
    assert digest(splits[int(num_classes), 'name'][key]) == by_name


def test_splits_of_some_names():
    names = ['S001C003P008R002A058', 'S002C001P003R001A003', 'S001C001P001R001A001']
    assert ntu_splits(60, names) == dict(
        xsub_train=[names[2], names[0]],
        xsub_val=[names[1]],
        xview_train=[names[0]],
        xview_val=[names[2], names[1]],
    )
    assert ntu_splits(120, names)['xset_train'] == [names[1]]


def test_a_name_is_taken_apart_and_put_together():
    name = NTUName.parse('S018C002P041R001A120')
    assert name == (18, 2, 41, 1, 120)
    assert name.label == 119
    assert str(name) == 'S018C002P041R001A120'


@pytest.mark.parametrize('name', ['S001C001P001R001A01', 'xS001C001P001R001A001', 'a1_s1_t1', ''])
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match='not a name such as'):
        NTUName.parse(name)


def test_classes():
    assert (len(ntu_classes(60)), len(ntu_classes(120))) == (60, 120)
    assert len(set(ntu_classes(120))) == 120
    assert ntu_classes(120)[22] == 'hand waving'
    assert ntu_classes(60)[-1] == 'walking apart from each other'
    with pytest.raises(ValueError, match='60 or 120 classes, got 61'):
        ntu_classes(61)
