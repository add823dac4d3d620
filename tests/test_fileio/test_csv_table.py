import tracemalloc

import pytest

from mmcl_ext.fileio.csv_table import read_table


@pytest.mark.parametrize('start', ['', 'name,label\n'])
def test_a_line_without_end_is_refused_before_it_is_taken_apart(tmp_path, start):
    path = tmp_path / 'a.csv'
    path.write_bytes(start.encode() + b'1,' * 4_000_000)
    tracemalloc.start()
    with pytest.raises(ValueError, match=r'a\.csv: no table, for a line has more than 100,000'):
        list(read_table(path, ('name', 'label'))[1])
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()
