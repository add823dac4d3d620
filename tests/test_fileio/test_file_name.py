"""Names of samples become names of files in one place."""

import pytest

from mmcl_ext.fileio.file_name import file_name


@pytest.mark.parametrize(
    'name', ['../../x', '/etc/x', 'a/../b', '\x1b[2J\n', '..', '', 'a\0b', 'é/ü']
)
def test_no_folder_and_no_control_characters(name):
    made = file_name(name, set())
    assert made
    assert made.isprintable()
    assert not {'/', '\\'} & set(made)
    assert not made.startswith('.')


def test_plain_names_stay_and_no_two_are_the_same():
    taken = set()
    names = [file_name(name, taken) for name in ('S001C001.v-2', 'a/b', 'a b')]
    assert names == ['S001C001.v-2', 'a_b', 'a_b_2']
