"""Recorded numbers and the commands that give them again."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mmcl_ext.apis.recorded_results import RecordedNumber, compare, load_results

REPO = Path(__file__).resolve().parents[2]

LIST = """
[[result]]
name = "printed"
minutes = 0.1
where = "here"
commands = ["python say.py 0.5", "python say.py {second}"]
[[result.number]]
title = "the last one"
pattern = 'acc: ([0-9.]+)'
value = 0.91
tolerance = 0.02

[[result]]
name = "tabled"
minutes = 0.1
where = "here"
commands = ["python tabulate.py"]
[[result.number]]
title = "of the second row"
table = "work_dirs/ablations/x.json"
variant = "b"
value = 0.25
"""

TABLE = {
    'rows': [
        {'variant': v, 'metrics': {'acc/top1': {'mean': m}}} for v, m in (('a', 0.5), ('b', 0.25))
    ]
}
TABULATE = f"""
from pathlib import Path
folder = Path('work_dirs/ablations')
folder.mkdir(parents=True)
(folder / 'x.json').write_text({json.dumps(TABLE)!r})
"""


@pytest.fixture
def root(tmp_path):
    root = tmp_path / 'tree'
    (root / 'work_dirs' / 'ablations').mkdir(parents=True)
    (root / 'work_dirs' / 'ablations' / 'x.json').write_text('{"rows": []}')  # an older one
    (root / 'say.py').write_text("import sys; print('acc:', sys.argv[1])")
    (root / 'tabulate.py').write_text(TABULATE)
    return root


def write_list(folder, second='0.92', text=LIST):
    path = folder / 'results.toml'
    path.write_text(text.replace('{second}', second))
    return path


def test_commands_run_in_a_folder_of_their_own(root, tmp_path):
    printed, tabled = load_results(write_list(tmp_path))
    found = printed.rerun(root, tmp_path / 'again' / 'printed')
    assert found == [0.92]
    assert compare(printed, found) == [
        'same     printed: the last one: 0.9200, recorded 0.9100 ± 0.02'
    ]
    found = tabled.rerun(root, tmp_path / 'again' / 'tabled')
    assert compare(tabled, found) == ['same     tabled: of the second row: 0.2500, recorded 0.2500']
    assert (root / 'work_dirs' / 'ablations' / 'x.json').read_text() == '{"rows": []}'


def test_what_is_finished_is_compared_only(root, tmp_path):
    (printed, _) = load_results(write_list(tmp_path))
    folder = tmp_path / 'again'
    printed.rerun(root, folder)
    (root / 'say.py').write_text('raise SystemExit("gone")')
    assert printed.rerun(root, folder) == [0.92]
    (changed, _) = load_results(write_list(tmp_path, second='0.93'))
    with pytest.raises(RuntimeError, match=r"'python say\.py 0\.5' ended with status 1"):
        changed.rerun(root, folder)


@pytest.mark.parametrize(
    ('found', 'verdict'),
    [(0.93, 'same'), (0.89, 'same'), (0.9301, 'DIFFERS'), (0.88, 'DIFFERS'), (None, 'MISSING')],
)
def test_the_tolerance_decides(found, verdict, tmp_path):
    (printed, _) = load_results(write_list(tmp_path))
    assert compare(printed, [found])[0].startswith(verdict)


def test_a_number_is_found_in_one_way():
    with pytest.raises(ValueError, match='either pattern, or table'):
        RecordedNumber('x', 1.0)
    with pytest.raises(ValueError, match='either pattern, or table'):
        RecordedNumber('x', 1.0, pattern='a', table='b', variant='c')


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'has no results'),
        ('[[result]', 'results.toml: '),
        (LIST.replace('"tabled"', '"printed"'), 'two of one name'),
        (LIST.replace('minutes = 0.1', ''), 'minutes'),
        (LIST.replace('tolerance', 'tolerence'), 'tolerence'),
        (LIST.replace('"tabled"', '"a/b"'), 'does not suit a folder'),
    ],
)
def test_a_wrong_list_is_refused(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        load_results(write_list(tmp_path, text=text))


def run(*arguments, cwd):
    command = [sys.executable, '-W', 'ignore', str(REPO / 'tools' / 'rerun_results.py')]
    return subprocess.run([*command, *arguments], cwd=cwd, capture_output=True, text=True)


def test_the_command_compares_and_says_how_it_went(root, tmp_path):
    path = str(write_list(tmp_path, second='0.95'))
    done = run('--results', path, cwd=root)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-2:] == [
        'DIFFERS  printed: the last one: 0.9500, recorded 0.9100 ± 0.02',
        'same     tabled: of the second row: 0.2500, recorded 0.2500',
    ]
    assert run('--results', path, 'tabled', cwd=root).returncode == 0


def test_bad_input_of_the_command(root, tmp_path):
    done = run('--results', str(tmp_path / 'none.toml'), cwd=root)
    assert done.returncode == 1
    assert done.stderr.startswith('FileNotFoundError: no recorded results')


# The shipped list.


def test_recorded_commands_and_values_stand_on_the_page():
    page = re.sub(r'\\\n\s*', '', (REPO / 'docs' / 'results.md').read_text())
    for result in load_results(REPO / 'docs' / 'results.toml'):
        for command in result.commands:
            assert command in page, command
        for number in result.numbers:
            assert f'{100 * number.value:.2f}' in page, number.title
