"""Small inputs on which users of such tools have stumbled, each run as they would."""

import os
import re
import subprocess
import sys

import pytest

# What each has to print, in this order.
CASES = {
    'B01-late-entry': [
        'nobody is in some frames, which are left out',
        'numbers that are not zero: [1-9]',
        r'Epoch\(train\)',
        'c0 .*kick',
        r'seed 0 frame \d+ seen for \d+',
    ],
    'B02-person-order': [  # an empty first place stays in the store, and is left out later
        *[r'sample \(1, 20, 25, 3\)', r'Epoch\(train\)'] * 2,
        *[r'sample \(2, 20, 25, 3\)', r'Epoch\(train\)'],
    ],
    'B03-ctvm': [r'error: .*c0.npy: \(3, 30, 25, 2\) may be \(M, T, V, C\), .* say which by axes'],
    'B04-option-without-effect': [
        '== ann_file=.*\nerror: annotation file /nowhere/mine.safetensors does not exist',
        "== train_pipeline.*\nerror: option 'train_pipeline.1.window' would change nothing",
        "== small.*\nerror: option 'small.base_channels' would change nothing",
        '== child .*\nerror: annotation file /nowhere/mine.safetensors does not exist',
    ],
    'B05-num-workers-0': [r'Epoch\(val\) .*acc/top1: '],
    'B07-browse-2d': ['c0.png\n.*c0.png\n.*c0.png'],
    'B09-resume-wrong-file': [
        *['error: cannot resume from .*: it holds weights alone'] * 3,
        'error: cannot resume from .*: 2 entries do not fit the model',
    ],
    'B10-checkpoint-not-found': [
        "rc=1, tracebacks 0: error: there is no checkpoint '/nowhere/a.pth'",
        *['rc=1, tracebacks 0: error: load_from=http.* cannot be read: '] * 2,
    ],
    'B11-option-values': ['rc=[12], tracebacks 0, epochs trained before 0: .*error: '] * 9,
    'B12-nan-loss': [r'error: epoch \d+, step \d+: loss_cls is \w+; samples c\d, c\d', 'rc=1'],
    'B14-internal-path': [
        'error: .*a/c1.npy: .*is empty',
        "invalid choice: 'drop'",
        "error: .*s2.safetensors: sample 'c0': field 'keypoint': 1000000.0 is too large",
        "error: .*twice.pkl: 2 samples are called 'same'",
    ],
    'B15-stream-crowd-nan': [
        *['eight_persons predictions: [1-9]', 'nine_persons predictions: [1-9]'],
        *['zeros_while_nobody predictions: [1-9]', 'nan_while_nobody predictions: [1-9]'],
        'person_then_nan predictions: [1-9]',
    ],
    'B16-pickle-layout-file': ['4 samples, 36 frames'] * 2,
    'B17-four-channels': ['error: .*c0.npy: .*expected 2 or 3 coordinates, got 4'],
    'B19-infer-label-text': ['x .*class.*\n1 result in'],
    'B21-keypoints-as-lists': ['4 samples, 36 frames'] * 2,
}
STARTS_PYTHON = ('B03-ctvm',)
"""Look by a line of their own into a store that is rightly not made."""


@pytest.mark.slow
@pytest.mark.parametrize('name', CASES)
def test_a_case(repo, shared, tmp_path, name):
    script = shared / 'cases' / name / 'run.sh'
    if not script.is_file():
        pytest.skip(f'{script} is not there; set MMCL_EXT_SHARED')
    for part in ('configs', 'tools'):  # some cases make data where they are started
        (tmp_path / part).symlink_to(repo / part)
    environ = {k: v for k, v in os.environ.items() if k not in ('RANK', 'TORCHELASTIC_ERROR_FILE')}
    environ |= dict(PY=sys.executable, PYTHONPATH=str(repo))
    run = subprocess.run(
        ['bash', script],
        cwd=tmp_path,
        env=environ,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=1500,
    )
    assert re.search('.*'.join(CASES[name]), run.stdout, re.DOTALL), run.stdout
    assert 'Traceback' not in run.stdout or name in STARTS_PYTHON, run.stdout


def test_every_case_has_its_outcome(shared):
    folder = shared / 'cases'
    if not folder.is_dir():
        pytest.skip(f'{folder} is not there; set MMCL_EXT_SHARED')
    assert {path.parent.name for path in folder.glob('*/run.sh')} == set(CASES)
