"""Recorded numbers and the commands that give them again."""

import fcntl
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tool_module import load_tool

REPO = Path(__file__).resolve().parents[2]
rerun_results = load_tool(REPO / 'tools' / 'rerun_results.py')

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
    printed, tabled = rerun_results.load_results(write_list(tmp_path))
    found = printed.rerun(root, tmp_path / 'again' / 'printed')
    assert found == [0.92]
    assert rerun_results.verdicts(printed, found) == [
        'same     printed: the last one: 0.9200, recorded 0.9100 ± 0.02'
    ]
    found = tabled.rerun(root, tmp_path / 'again' / 'tabled')
    assert rerun_results.verdicts(tabled, found) == [
        'same     tabled: of the second row: 0.2500, recorded 0.2500'
    ]
    assert (root / 'work_dirs' / 'ablations' / 'x.json').read_text() == '{"rows": []}'


def test_what_is_finished_is_compared_only(root, tmp_path):
    (printed, _) = rerun_results.load_results(write_list(tmp_path))
    folder = tmp_path / 'again'
    printed.rerun(root, folder)
    (root / 'say.py').write_text('raise SystemExit("gone")')
    assert printed.rerun(root, folder) == [0.92]
    (changed, _) = rerun_results.load_results(write_list(tmp_path, second='0.93'))
    with pytest.raises(RuntimeError, match=r"'python say\.py 0\.93' ended with status 1"):
        changed.rerun(root, folder)


@pytest.mark.parametrize(
    ('found', 'verdict'),
    [(0.93, 'same'), (0.89, 'same'), (0.9301, 'DIFFERS'), (0.88, 'DIFFERS'), (None, 'MISSING')],
)
def test_the_tolerance_decides(found, verdict, tmp_path):
    (printed, _) = rerun_results.load_results(write_list(tmp_path))
    assert rerun_results.verdicts(printed, [found])[0].startswith(verdict)


@pytest.mark.parametrize(
    ('fields', 'message'),
    [
        ({}, 'either pattern, or table'),
        (dict(pattern='(a)', table='b', variant='c'), 'either pattern, or table'),
        (dict(pattern='a'), "'a' is no pattern with one group"),
        (dict(pattern='(a'), r"'\(a' is no pattern with one group"),
        (dict(pattern='(a)', tolerance='0.1'), "tolerance '0.1' is no number"),
    ],
)
def test_a_number_is_found_in_one_way(fields, message):
    with pytest.raises(ValueError, match=message):
        rerun_results.RecordedNumber('x', 1.0, **fields)


def test_a_number_of_one_command_and_a_percentage():
    outputs = ['acc: 0.5\nacc: 0.6', 'acc: 70.5']
    number = dict(title='x', value=0.6, pattern='acc: ([0-9.]+)')
    assert rerun_results.RecordedNumber(**number, command=1).read(outputs, Path()) == 0.6
    found = rerun_results.RecordedNumber(**number, command=2, percent=True).read(outputs, Path())
    assert found == pytest.approx(0.705)
    assert rerun_results.RecordedNumber(**number).read(outputs, Path()) == 70.5


TRAIN = """
import pathlib, sys
begun = pathlib.Path('begun.txt')
with begun.open('a') as file:
    print(*sys.argv[1:], file=file)
print('acc: 0.1', flush=True)
if '--resume' not in sys.argv:
    sys.exit('stopped')
print('acc: 0.91')
"""


def test_what_was_interrupted_goes_on(root, tmp_path):
    """Finished commands are left alone, a training is resumed, another command begins anew."""
    (root / 'tools').mkdir()
    (root / 'tools' / 'train.py').write_text(TRAIN)
    text = LIST.replace('"python say.py {second}"', '"python tools/train.py x", "python last.py"')
    (result, _) = rerun_results.load_results(write_list(tmp_path, text=text))
    folder = tmp_path / 'again'
    with pytest.raises(RuntimeError, match=r'ended with status 1; see .*02\.log'):
        result.rerun(root, folder)
    (root / 'say.py').unlink()
    (root / 'last.py').write_text('print("acc: 0.7")\nraise SystemExit(3)')
    with pytest.raises(RuntimeError, match=r"'python last\.py' ended with status 3"):
        result.rerun(root, folder)
    (root / 'last.py').write_text('print("well")')
    assert result.rerun(root, folder) == [0.91]
    assert (folder / 'begun.txt').read_text() == 'x\nx --resume\n'
    assert (folder / '03.log').read_text() == '$ python last.py\nwell\n'


def test_two_calls_do_not_mix(root, tmp_path):
    (printed, _) = rerun_results.load_results(write_list(tmp_path))
    folder = tmp_path / 'again'
    folder.mkdir()
    with (folder / 'lock').open('w') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError, match='another process works in'):
            printed.rerun(root, folder)
    assert printed.rerun(root, folder) == [0.92]


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'has no results'),
        ('[[result]', 'results.toml: '),
        (LIST.replace('"tabled"', '"printed"'), 'two of one name'),
        (LIST.replace('minutes = 0.1', ''), 'minutes'),
        (LIST.replace('tolerance', 'tolerence'), 'tolerence'),
        (LIST.replace('"tabled"', '"a/b"'), 'does not suit a folder'),
        (LIST.replace('["python tabulate.py"]', '[]'), 'tabled has no commands'),
        (LIST.replace('tolerance = 0.02', 'command = 3'), 'the last one: command 3 of 2'),
    ],
)
def test_a_wrong_list_is_refused(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        rerun_results.load_results(write_list(tmp_path, text=text))


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
    done = run('--results', path, 'tab*', cwd=root)
    assert (done.returncode, done.stdout.count('printed')) == (0, 0)


def test_bad_input_of_the_command(root, tmp_path):
    done = run('--results', str(tmp_path / 'none.toml'), cwd=root)
    assert done.returncode == 1
    assert done.stderr.startswith('error: no recorded results')
    (tmp_path / 'broken.toml').write_text('[[result]')
    for arguments, message in (
        (('--results', str(tmp_path / 'broken.toml')), 'broken.toml: '),
        (('--results', str(write_list(tmp_path)), 'tabeled'), "no results ['tabeled'], only"),
    ):
        done = run(*arguments, cwd=root)
        assert done.returncode == 1
        assert done.stderr.startswith('error: ')
        assert message in done.stderr
        assert done.stderr.count('\n') == 1


# The shipped list.


def test_recorded_commands_and_values_stand_on_the_page():
    page = re.sub(r'\\\n\s*', '', (REPO / 'docs' / 'results.md').read_text())
    for result in rerun_results.load_results(REPO / 'docs' / 'results.toml'):
        for command in result.commands:
            assert command in page, command
        for number in result.numbers:
            assert f'{100 * number.value:.2f}' in page, number.title
