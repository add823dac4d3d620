"""Texts of the classes: those that are shipped, embeddings, new ones from confusions."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tool_module import load_tool, run_main

from mmcl_ext.datasets.converters.nwucla import NWUCLA_CLASSES
from mmcl_ext.datasets.converters.utdmhad import UTDMHAD_CLASSES
from mmcl_ext.datasets.metainfo import read_facts
from mmcl_ext.datasets.metainfo.class_texts import (
    KINDS,
    SHIPPED,
    parse_class_texts,
    read_class_texts,
    read_sentences,
)
from mmcl_ext.evaluation.class_rivals import class_rivals
from mmcl_ext.fileio.atomic_file import write_pickle
from mmcl_ext.graphs.layouts import get_layout
from mmcl_ext.mmcl import FeatureFile
from mmcl_ext.mmcl.helpers.class_texts import text_parts
from mmcl_ext.synthetic.motions import ACTIONS

CLASSES = dict(
    ntu60=read_facts('ntu_classes')[:60],
    ntu120=read_facts('ntu_classes'),
    nwucla=NWUCLA_CLASSES,
    utdmhad=UTDMHAD_CLASSES,
    demo=tuple(action.name for action in ACTIONS),
)


@pytest.mark.parametrize('name', SHIPPED)
def test_shipped_texts(name: str) -> None:
    texts = read_class_texts(name)
    assert texts.classes == CLASSES[name]
    assert texts.kinds == KINDS
    sentences = [row[0] for row in texts.rows]
    assert len(set(sentences)) == len(sentences)
    assert len(set(texts.rows)) == len(texts.rows)
    for row in texts.rows:
        assert row[0][0].isupper()
        assert 5 <= len(row[0].split()) <= 20, row[0]
        assert all(2 <= len(phrase.split()) <= 16 for phrase in row[1:]), row
    assert parse_class_texts(texts.to_text().splitlines(), 'again') == texts


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', "the first line is 'class; sentence"),
        ('class; sentence; tail\na; b; c\n', "the first line is 'class; sentence"),
        ('class; head\na; b\n', "no column 'sentence'"),
        ('class; sentence\na; b; c\n', 'line 2: expected 2 texts'),
        ('class; sentence\na;\n', 'line 2: expected 2 texts'),
        ('class; sentence\na; b\na; c\n', "'a' occurs twice"),
        ('class; sentence\n', 'no class'),
    ],
)
def test_a_file_with_a_mistake(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / 'texts.txt'
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        read_class_texts(path)
    assert str(path) in str(error.value)
    assert '\n' not in str(error.value)


def test_the_mark_of_windows_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    path = tmp_path / 'texts.txt'
    path.write_text('class; sentence\na; b\n', 'utf-8-sig')
    assert read_class_texts(path).classes == ('a',)
    path.write_text('a; b\n', 'utf-8-sig')
    assert read_sentences(path) == {'a': 'b'}
    path.write_text('class; sentence\n', 'utf-16')
    with pytest.raises(ValueError, match=r'texts\.txt: .*utf-8'):
        read_class_texts(path)


def test_no_such_file() -> None:
    with pytest.raises(ValueError, match='no such file; texts are shipped for ntu60'):
        read_class_texts('nowhere.txt')


def test_rivals_by_hand() -> None:
    confusion = np.array([[5, 1, 2, 0], [0, 7, 3, 0], [0, 0, 9, 0], [0, 0, 0, 4]])
    assert class_rivals(confusion, 2) == [[2, 1], [2, 0], [1, 0], []]


def test_parts_of_the_body() -> None:
    assert text_parts(get_layout('nturgb+d'))['head'] == (2, 3, 20)
    layout = get_layout('kinect_v1')
    for part, joints in text_parts(layout).items():
        names = {layout.joint_names[i] for i in joints}
        word = dict(head='head', hand='left_elbow', hip='right_hip', foot='left_knee')[part]
        assert word in names, (part, names)


def test_a_prompt_and_its_answer(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """Two classes of the demo are confused; the answer replaces their sentences only."""
    tool = load_tool(repo / 'tools' / 'analysis' / 'class_rivals.py')
    dump = []
    for i in range(13):
        scores = torch.zeros(13)
        scores[{0: 1, 1: 1}.get(i, i)] = 1
        dump.append(dict(sample_name=f's{i}', pred_score=scores, gt_label=torch.tensor([i])))
    write_pickle(tmp_path / 'scores.pkl', dump)
    prompt, out = tmp_path / 'prompt.txt', tmp_path / 'out.txt'
    words = [tmp_path / 'scores.pkl', 'demo']
    status, output, _ = run_main(tool, [*words, '--prompt', prompt], monkeypatch, capsys)
    assert (status, '2 of 13 classes have rivals' in output) == (0, True)
    assert 'rivals: wipe the mouth\n' in prompt.read_text()
    assert 'squat' not in prompt.read_text()
    answer = tmp_path / 'answer.txt'
    answer.write_text('Here you are:\n\ndrink from a cup; The head tips back.\n')
    status, _, _ = run_main(tool, [*words, '--answers', answer, '--out', out], monkeypatch, capsys)
    assert status == 0
    old, new = read_class_texts('demo'), read_class_texts(out)
    assert new.rows[0] == ('The head tips back.', *old.rows[0][1:])
    assert new.rows[1:] == old.rows[1:]
    answer.write_text('drinking; The head tips back.\n')
    status, _, error = run_main(
        tool, [*words, '--answers', answer, '--out', out], monkeypatch, capsys
    )
    assert status != 0
    assert "'drinking' is no class of these texts" in error
    answer.write_text('a; b; c\n')
    with pytest.raises(ValueError, match='line 1: expected'):
        read_sentences(answer)


def test_embeddings(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """A tiny encoder with random weights; padding must not change a text."""
    transformers = pytest.importorskip('transformers')
    words = sorted({w for row in read_class_texts('demo').rows for t in row for w in t.split()})
    vocabulary = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', *map(str.lower, words)]
    (tmp_path / 'vocab.txt').write_text('\n'.join(dict.fromkeys(vocabulary)))
    model = tmp_path / 'model'
    transformers.BertTokenizer(str(tmp_path / 'vocab.txt')).save_pretrained(model)
    sizes = dict(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8)
    torch.manual_seed(0)
    config = transformers.BertConfig(vocab_size=len(vocabulary), **sizes)
    transformers.BertModel(config).save_pretrained(model)
    tool = load_tool(repo / 'tools' / 'data' / 'extract_class_texts.py')
    out, joints = tmp_path / 'texts.safetensors', tmp_path / 'joints.safetensors'
    options = ['--model', model, '--device', 'cpu', '--layout', 'nturgb+d', '--joints', joints]
    status, output, error = run_main(tool, ['demo', out, *options], monkeypatch, capsys)
    assert status == 0, error
    assert '13 classes, 5 texts each, width 8' in output
    file = FeatureFile(out)
    assert tuple(file.names) == CLASSES['demo']
    assert json.loads(file.metadata['kinds']) == list(KINDS)
    row = file.read('squat').reshape(5, 8)
    np.testing.assert_allclose(np.linalg.norm(row, axis=1), 1, rtol=1e-5)
    alone = load_tool(repo / 'tools' / 'data' / 'extract_class_texts.py').TextEncoder(
        str(model), 'cpu'
    )([read_class_texts('demo').rows[12][0]])
    np.testing.assert_allclose(row[0], alone[0], atol=1e-5)
    assert FeatureFile(joints).shape == (13, 25)
