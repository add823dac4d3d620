"""Answers of several models, side by side."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from tool_module import load_tool, run_main

from mmcl_ext.preparation.text.answers import read_answers, side_by_side

REPO = Path(__file__).resolve().parents[2]


def write(folder, **answers):
    folder.mkdir()
    lines = [json.dumps(dict(name=name, text=text)) for name, text in answers.items()]
    (folder / 'answers.jsonl').write_text('\n'.join(lines) + '\n')
    return folder


def test_models_are_shown_side_by_side(tmp_path, monkeypatch, capsys):
    blip = write(tmp_path / 'text_blip', a='yes', b='no', c='yes')
    llava = write(tmp_path / 'text_llava', b='a cup of \x1b[31mtea', c='nothing')
    images = tmp_path / 'images'
    images.mkdir()
    for name in 'bc':
        cv2.imwrite(str(images / f'{name}.jpg'), np.full((20, 30, 3), 90, np.uint8))
    out = tmp_path / 'answers.png'
    tool = load_tool(REPO / 'tools/analysis/compare_answers.py')
    words = [blip, llava, '--composites', images, '--out', out, '--csv', tmp_path / 'a.csv']
    status, text, _ = run_main(tool, words, monkeypatch, capsys)
    assert status == 0
    assert text.splitlines()[:2] == ['b', '  text_blip: no']
    assert '\x1b' not in text
    assert '  text_llava: nothing' in text
    assert cv2.imread(str(out)).std() > 0
    rows = list(csv.reader((tmp_path / 'a.csv').open()))
    assert rows[1:] == [
        ['b', 'text_blip', 'no'],
        ['b', 'text_llava', rows[2][2]],
        ['c', 'text_blip', 'yes'],
        ['c', 'text_llava', 'nothing'],
    ]


def test_what_is_wrong_is_named(tmp_path):
    one = read_answers(write(tmp_path / 'one', a='yes'))
    two = read_answers(write(tmp_path / 'two', b='no'))
    with pytest.raises(ValueError, match='one, two: no sample that all were asked about'):
        side_by_side(dict(one=one, two=two))
    with pytest.raises(ValueError, match="two has no answer about 'a'"):
        side_by_side(dict(one=one, two=two), ['a'])
    with pytest.raises(FileNotFoundError, match='no answers at'):
        read_answers(tmp_path)
    (tmp_path / 'one/answers.jsonl').write_text('{"name": "a", "text": "yes"}\n[1]\n')
    with pytest.raises(ValueError, match=r'answers\.jsonl, line 2: no object'):
        read_answers(tmp_path / 'one')
