"""A wrong value of any option ends a tool in one line, without a traceback."""

import contextlib
import os
import signal
import warnings
from pathlib import Path

import pytest
from tool_inputs import write_tool_inputs
from tool_module import load_tool, parsers_of, run_main

from mmcl_ext.config import safe_config
from mmcl_ext.config.command_line import finite_number

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
NAMES = sorted(str(path.relative_to(TOOLS)) for path in TOOLS.rglob('*.py'))
WRONG = ('missing', 'empty', 'folder')
SECONDS = 60

# Words with which each command runs quickly and well, apart from the options under test.
GOOD = {
    'analysis/compare_answers.py': 'answers',
    'ablation.py': 'ablation.json --dry-run',
    'analysis/browse_dataset.py': 'store.safetensors --num 1 --motion none --out-dir out',
    'analysis/class_rivals.py': 'j.pkl utdmhad --prompt out/r.txt',
    'analysis/compare.py': 'j.pkl b.pkl --resamples 9 --out-dir out',
    'analysis/confusion_matrix.py': 'j.pkl --out out/c.png',
    'analysis/feature_scores.py': 'features.safetensors store.safetensors out/s.pkl '
    '--split xsub_train --subject-pattern s(.*)',
    'analysis/get_complexity.py': 'utd.py',
    'checkpoint/export_official.py': 'epoch_1.pth out/o.pt',
    'checkpoint/import_official.py': 'epoch_1.pth out/i.pth',
    'checkpoint/publish.py': 'utd.py epoch_1.pth out/p.pth',
    'checkpoint/strip.py': 'epoch_1.pth out/s.pth',
    'checkpoint/to_hub.py': 'epoch_1.pth out/hub',
    'data/convert.py utdmhad': 'clips out/s.safetensors --quiet',
    'data/convert.py ntu60': 'clips out/s.safetensors --quiet',
    'data/convert.py ntu120': 'clips out/s.safetensors --quiet',
    'data/convert.py ctrgcn-npz': 'clips out/s.safetensors --quiet',
    'data/convert.py pickle': 'a.pkl out/s.safetensors --quiet --processes 1',
    'data/convert.py nwucla': 'clips out/s.safetensors --quiet',
    'data/convert.py sysu': 'clips out/s.safetensors --quiet',
    'data/convert.py custom': 'clips out/s.safetensors --quiet --layout kinect_v1 --processes 1',
    'data/convert.py export-pickle': 'store.safetensors out/e.pkl --quiet',
    'data/detect_persons.py': 'boxes.py store.safetensors out/b.safetensors --quiet',
    'data/extract_class_texts.py': 'demo out/t.safetensors --model empty',
    'data/extract_image_features.py': 'utd.py out/f.safetensors --quiet',
    'data/extract_text_features.py': 'text.py images out/t --quiet',
    'data/hold_out.py': 'store.safetensors out/h.safetensors --split xsub_train --by hash',
    'data/make_composites.py utdmhad': 'clips store.safetensors out/c --quiet --jobs 1',
    'data/make_composites.py ntu': 'clips clips out/c --quiet --jobs 1',
    'data/make_composites.py nwucla': 'clips store.safetensors out/c --quiet --jobs 1',
    'data/make_composites.py sysu': 'clips store.safetensors out/c --quiet --jobs 1',
    'data/make_composites.py videos': 'clips out/c --quiet --jobs 1',
    'data/make_demo_data.py': 'out/d --train-subjects 1 --test-subjects 0 --jobs 1 --quiet',
    'data/prepare_videos.py': 'clips store.safetensors out/p --quiet --jobs 1',
    'data/validate.py': 'store.safetensors --quiet',
    'demo.py': '--quick',
    'deploy/export.py': 'utd.py epoch_1.pth out/x.ts --format torchscript --num-clips 1',
    'ensemble.py': 'j.pkl b.pkl --resamples 9',
    'infer.py': 'clips/c0.npy --model utd.py --checkpoint epoch_1.pth',
    'rerun_results.py': '--list',
    'stream.py': 'clips/c0.npy --model utd.py --checkpoint epoch_1.pth',
    'test.py': 'utd.py epoch_1.pth --work-dir out/test',
    'train.py': 'utd.py --work-dir out/train --cfg-options train_cfg.max_epochs=1',
    'web.py': '--model utd.py --checkpoint epoch_1.pth',
    'zoo.py list': '',
    'zoo.py check': '--files-only',
    'zoo.py add': 'a utd.py epoch_1.pth --store clips --split xsub_test --license none',
}
NOT_STARTED = ('web.py', 'demo.py', 'rerun_results.py')
"""What serves or works for hours: their options are tried with an input that is missing."""
SLOW = ('train.py', 'test.py', 'deploy/export.py', 'infer.py', 'data/make_demo_data.py')
# Options whose effect is not the command's own: they wait, show a window, or start processes.
LEFT = ('help', 'show', 'local_rank', 'realtime', 'webcam', 'wait_time')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    root = write_tool_inputs(tmp_path_factory.mktemp('wrong'))
    (root / 'ablation.json').write_text('{"variants": {"a": {"config": "utd.py"}}}')
    (root / 'text.py').write_text("source = dict(type='NpyFeatures', pad=0)\n")
    (root / 'answers').mkdir()
    (root / 'answers/answers.jsonl').write_text('{"name": "a", "text": "yes"}\n')
    (root / 'empty').touch()
    return root


@contextlib.contextmanager
def limited():
    """Stop what takes too long."""

    def stop(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize('name', NAMES)
def test_every_option_says_what_it_asks_for(name, monkeypatch):
    for command, parser in parsers_of(load_tool(TOOLS / name), monkeypatch):
        silent = [action.dest for action in parser._actions if not action.help]
        assert not silent, f'{command}: no help on {silent}'
        loose = [action.dest for action in parser._actions if action.type is float]
        assert not loose, f'{command}: NaN for {loose}; their type is finite_number'


def wrong_path(tmp_path, kind):
    path = tmp_path / f'{kind}.py'
    if kind == 'empty':
        path.touch()
    elif kind == 'folder':
        path.mkdir()
    return str(path)


def required(parser, value):
    """The arguments that cannot be left out, each with the value."""
    words = []
    for action in parser._actions:
        if not action.option_strings and action.nargs not in ('?', '*'):
            words += [next(iter(action.choices)) if action.choices else value]
        elif action.option_strings and action.required:
            words += [action.option_strings[0], value]
    return words


def wrong_values(action, some):
    """Values that are no numbers, numbers out of any range, and paths that lead nowhere."""
    if action.choices or action.nargs == 0:
        return ['abc'] if action.choices else []
    if action.type in (int, finite_number):
        found = ['-1', 'abc', '0', '9' * 30, *(['nan', 'inf'] if action.type is not int else [])]
    else:
        found = ['empty/x', 'clips', 'empty', '']
    return found[:1] if some else found


def wrong_words(parser, good, start, some, cold):
    """Yield words of which one is wrong: the value of an option, or an argument after ``start``."""
    place = start
    for action in parser._actions:
        values = [] if action.dest in LEFT else wrong_values(action, some)
        if action.option_strings:
            number = action.nargs if isinstance(action.nargs, int) else 1
            for value in values:
                if value == 'abc' or '--model' in good or not cold:
                    yield [*good, action.option_strings[0], *[value] * number]
        elif place < len(good) and not good[place].startswith('-'):
            # What is not there; the others of the kind are tried by the test above.
            yield from ([*good[:place], value, *good[place + 1 :]] for value in values[:2])
            place += 1


def run(tool, words, monkeypatch, capsys):
    with warnings.catch_warnings(), limited():
        warnings.simplefilter('ignore')
        status, output, error = run_main(tool, words, monkeypatch, capsys)
    assert 'Traceback' not in output + error, f'{words}: {error}'
    if status not in (0, 130) and 'error: ' not in output + error:
        assert status == 2 or output, f'{words}: no word of what is wrong'
    lines = [line for line in error.splitlines() if line.startswith('error: ')]
    assert all(len(line) < 2100 for line in lines)
    return status, error


@pytest.mark.parametrize('name', NAMES)
def test_inputs_that_are_no_files_of_the_tool(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('RANK', raising=False)
    tool = load_tool(TOOLS / name)
    for command, parser in parsers_of(tool, monkeypatch):
        place = tmp_path / '-'.join(['x', *command])
        place.mkdir()
        for kind in WRONG:
            words = required(parser, wrong_path(place, kind))
            if words:
                status, error = run(tool, [*command, *words], monkeypatch, capsys)
                assert status, f'{kind}: {words}'
                assert 'error: ' in error, f'{kind}: {error}'


@pytest.mark.parametrize(
    ('name', 'some'),
    [
        *((name, True) for name in NAMES if name not in SLOW),
        *(pytest.param(name, False, marks=pytest.mark.slow) for name in NAMES),
    ],
)
def test_every_option(name, some, folder, monkeypatch, capsys):
    """A new option is covered by itself, a new tool needs its words in the table."""
    monkeypatch.chdir(folder)
    monkeypatch.delenv('RANK', raising=False)
    # --safe-config holds until the process ends, which the other tests share.
    monkeypatch.setattr(safe_config, 'admit_data_only', lambda: None)
    monkeypatch.setenv(safe_config.VARIABLE, '0')
    tool = load_tool(TOOLS / name)
    faults = []
    for command, parser in parsers_of(tool, monkeypatch):
        good = [*command, *GOOD[' '.join([name, *command])].split()]
        if name in NOT_STARTED:
            good = [*command, *required(parser, '/nowhere/x')]
        for words in wrong_words(parser, good, len(command), some, name in NOT_STARTED):
            os.environ.pop('MMCL_EXT_SAFE_CONFIG', None)
            try:
                run(tool, words, monkeypatch, capsys)
            except Exception as error:
                faults.append(f'{" ".join(words)}: {type(error).__name__}: {error}'[:300])
    assert not faults, '\n'.join(faults)


@pytest.mark.parametrize(
    ('name', 'words', 'message'),
    [
        ('ensemble.py', 'j.pkl b.pkl --layout coco', '--layout goes with --store'),
        ('ensemble.py', 'j.pkl b.pkl --largest-weight 3', '--largest-weight goes with --search-on'),
        ('analysis/get_complexity.py', 'utd.py --classes 5', '--classes goes with --all'),
        ('analysis/get_complexity.py', f'utd.py --shape {"9" * 30} 1 1 1 1', 'at most 268435456'),
        (
            'data/hold_out.py',
            'store.safetensors out/h.safetensors --split xsub_train --by hash --subject-pattern .',
            '--subject-pattern goes with --by subject',
        ),
        ('stream.py', GOOD['stream.py'] + ' --smooth -1', 'must not be negative'),
        ('infer.py', GOOD['infer.py'] + ' --focal 0', 'focal must be positive'),
        ('train.py', 'skeleton/ctrgcn_dmo', "'skeleton/ctrgcn_dmo'; near: skeleton/ctrgcn_demo"),
        ('test.py', 'empty/x epoch_1.pth', "no file or shipped configuration 'empty/x'"),
        ('test.py', GOOD['test.py'] + ' --import a/b.py', "'a/b.py' is no name of a module"),
        ('web.py', GOOD['web.py'] + ' --max-upload inf', "expected a finite number, got 'inf'"),
        ('data/make_demo_data.py', 'out/d --noise nan', "expected a finite number, got 'nan'"),
    ],
)
def test_what_would_do_nothing_or_harm_is_refused(
    name, words, message, folder, monkeypatch, capsys
):
    monkeypatch.chdir(folder)
    tool = load_tool(TOOLS / name)
    status, _, error = run_main(tool, words.split(), monkeypatch, capsys)
    assert status
    assert message in error
