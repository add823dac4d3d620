import json
import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image
from text_models import (
    QUESTION,
    SPECIAL,
    save_blip,
    save_deepseek_vl,
    save_llava,
    word_tokenizer,
    write_composites,
)

from mmcl_ext.datasets.store.feature_file import FeatureFile
from mmcl_ext.preparation.text.extract_text_features import TEXT_SOURCES, extract_text_features
from mmcl_ext.preparation.text.npy_features import NpyFeatures
from mmcl_ext.preparation.text.vqa_models import BlipVQA, ImageTextVQA

ALL = ('token_ids', 'hidden_states', 'answer_probs')
CONFIGS = Path(__file__).resolve().parents[2] / 'configs/preparation'
SAVE = {'blip': save_blip, 'llava': save_llava, 'deepseek_vl': save_deepseek_vl}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Composites and saved models; nothing is looked for outside."""
    folder = tmp_path_factory.mktemp('text')
    write_composites(folder / 'images', 6)
    for name, save in SAVE.items():
        save(folder / name)
    return folder


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')
    monkeypatch.setenv('TRANSFORMERS_OFFLINE', '1')


def build(folder, name, **options):
    cls = BlipVQA if name == 'blip' else ImageTextVQA
    source = cls(folder / 'images', folder / name, QUESTION, **{'outputs': ALL, **options})
    source.load()
    return source


def ask(source, names=None):
    return source.compute([source.read(name) for name in names or source.names])


@pytest.mark.parametrize('name', SAVE)
def test_answers_depend_on_the_image(folder, name):
    samples = ask(build(folder, name))
    probs = np.stack([sample.values['answer_probs'] for sample in samples])
    states = np.stack([sample.values['hidden_states'] for sample in samples])
    assert states.shape == (6, 16)
    np.testing.assert_allclose(probs.sum(1), 1, rtol=1e-6)
    assert probs.std(0).min() > 1e-3
    assert states.std(0).min() > 1e-3
    assert len({tuple(sample.values['token_ids']) for sample in samples}) > 1


@pytest.mark.parametrize('name', SAVE)
def test_a_batch_says_what_single_images_say(folder, name):
    source = build(folder, name)
    for one, sample in zip(source.names, ask(source), strict=True):
        (alone,) = ask(source, [one])
        assert sample.text == alone.text
        np.testing.assert_array_equal(sample.values['token_ids'], alone.values['token_ids'])
        for output in ('hidden_states', 'answer_probs'):
            np.testing.assert_allclose(
                sample.values[output], alone.values[output], rtol=1e-4, atol=1e-5
            )


@torch.inference_mode()
def test_blip_equals_transformers(folder):
    """Generation by the model's own method, states and scores by its decoder, one image each."""
    source = build(folder, 'blip', pooling='tokens')
    for name in source.names:
        (sample,) = ask(source, [name])
        inputs = source.processor(images=source.read(name), text=QUESTION, return_tensors='pt')
        own = source.model.generate(**inputs, num_beams=3, max_length=10, min_length=1)
        assert sample.values['token_ids'].tolist() == own[0].tolist()
        states = source.encode([source.read(name)])

        def decoder(ids, states=states):
            return source.model.text_decoder(
                input_ids=torch.tensor([ids]),
                encoder_hidden_states=states,
                output_hidden_states=True,
            )

        ids = own[0].tolist()
        end = len(ids) - (ids[-1] == source.end_tokens[0])
        expected = decoder(ids).hidden_states[-1][0, 1 : max(end, 2)]
        np.testing.assert_allclose(sample.values['hidden_states'], expected, atol=1e-5)
        scores = []
        for answer in ('yes', 'no'):
            token = source.processor.tokenizer.convert_tokens_to_ids(answer)
            ids = [source.start_tokens[0], token, source.end_tokens[0]]
            logits = decoder(ids).logits[0].log_softmax(-1)
            scores.append(logits[0, ids[1]] + logits[1, ids[2]])
        np.testing.assert_allclose(
            sample.values['answer_probs'], torch.stack(scores).softmax(0), atol=1e-6
        )


@torch.inference_mode()
@pytest.mark.parametrize('name', ['llava', 'deepseek_vl'])
def test_image_text_models_equal_transformers(folder, name):
    source = build(folder, name, pooling='tokens')
    text = f'USER: <image> {QUESTION} ASSISTANT:'  # what the template makes
    for sample_name in source.names[:3]:
        (sample,) = ask(source, [sample_name])
        image = torch.from_numpy(source.read(sample_name)).permute(2, 0, 1)
        inputs = source.processor(images=image, text=text, return_tensors='pt')
        length = inputs['input_ids'].shape[1]
        own = source.model.generate(**inputs, max_new_tokens=10, do_sample=False)[0]
        assert sample.values['token_ids'].tolist() == own[length:].tolist()

        def forward(answer, inputs=inputs):
            ids = torch.cat([inputs['input_ids'], torch.tensor([answer])], dim=1)
            pixels = inputs['pixel_values']
            return source.model(input_ids=ids, pixel_values=pixels, output_hidden_states=True)

        answer = own[length:].tolist()
        end = len(answer) - (answer[-1] == source.end_tokens[0])
        expected = forward(answer).hidden_states[-1][0, length : length + max(end, 1)]
        np.testing.assert_allclose(sample.values['hidden_states'], expected, atol=1e-4)
        scores = []
        for word in ('yes', 'no'):
            answer = [source.processor.tokenizer.convert_tokens_to_ids(word), source.end_tokens[0]]
            logits = forward(answer).logits[0].log_softmax(-1)
            scores.append(logits[length - 1, answer[0]] + logits[length, answer[1]])
        np.testing.assert_allclose(
            sample.values['answer_probs'], torch.stack(scores).softmax(0), atol=1e-5
        )


def test_prompts_of_different_lengths_do_not_disturb_each_other(folder):
    """Left padding of a batch must not shift the positions of the teacher-forced pass."""
    source = build(folder, 'llava')
    images = [Image.fromarray(source.read(name)) for name in source.names[:2]]
    prompt = source.encode(images)
    answers = [torch.tensor([30, 31]), torch.tensor([30])]
    alone = source.force(prompt, answers)
    padded = {
        key: torch.nn.functional.pad(value, (4, 0)) if value.ndim == 2 else value
        for key, value in prompt.items()
    }
    for one, other in zip(alone, source.force(padded, answers), strict=True):
        torch.testing.assert_close(one.hidden, other.hidden, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(one.log_prob, other.log_prob, atol=1e-5, rtol=1e-4)


def test_no_answer_holds_the_placeholder_of_an_image(folder):
    """A model would look for a second image where its own answer has the placeholder."""
    source = build(folder, 'llava')
    image_token = source.model.config.image_token_id
    source.model.lm_head.register_forward_hook(
        lambda _, __, scores: scores.index_fill(-1, torch.tensor([image_token]), 50.0)
    )
    for sample in ask(source):
        assert image_token not in sample.values['token_ids']
        assert np.isfinite(sample.values['hidden_states']).all()


def test_mean_is_the_mean_of_the_tokens(folder):
    pooled = ask(build(folder, 'llava'))
    tokens = ask(build(folder, 'llava', pooling='tokens'))
    for one, other in zip(pooled, tokens, strict=True):
        expected = other.values['hidden_states'].mean(0)
        np.testing.assert_allclose(one.values['hidden_states'], expected, rtol=1e-5, atol=1e-6)


def test_probabilities_alone_need_no_generation(folder, monkeypatch):
    source = build(folder, 'blip', outputs=('answer_probs',))
    monkeypatch.setattr(source, 'generate', None)
    samples = ask(source)
    best = [('yes', 'no')[int(sample.values['answer_probs'].argmax())] for sample in samples]
    assert [sample.text for sample in samples] == best


def test_prompt_without_chat_template(folder, tmp_path):
    save_llava(tmp_path / 'plain', template=None)
    source = ImageTextVQA(folder / 'images', tmp_path / 'plain', QUESTION, outputs=ALL)
    source.load()
    assert source.prompt == f'<image>\n{QUESTION}'
    assert len(ask(source)) == 6
    template = 'USER: <image> {question} ASSISTANT:'
    own = build(folder, 'llava', template=template)
    assert own.prompt == f'USER: <image> {QUESTION} ASSISTANT:'
    by_chat = ask(build(folder, 'llava'))
    for one, other in zip(ask(own), by_chat, strict=True):  # the same words, the same answers
        np.testing.assert_array_equal(one.values['token_ids'], other.values['token_ids'])
    with pytest.raises(ValueError, match=r"no '\{question\}'"):
        build(folder, 'llava', template='USER: <image>')


def test_blip_at_another_image_size(folder):
    source = build(folder, 'blip', image_size=48)  # its position embeddings are for 32
    small = ask(build(folder, 'blip'))
    for one, other in zip(ask(source), small, strict=True):
        assert np.isfinite(one.values['hidden_states']).all()
        assert not np.allclose(one.values['answer_probs'], other.values['answer_probs'])
    assert source.recipe['image_size'] == 48


@pytest.mark.parametrize('name', ['blip', 'llava'])
def test_half_precision(folder, name):
    whole = ask(build(folder, name, outputs=('answer_probs',)))
    half = ask(build(folder, name, outputs=('answer_probs', 'hidden_states'), dtype='bfloat16'))
    for one, other in zip(half, whole, strict=True):
        assert one.values['hidden_states'].dtype == np.float32
        difference = one.values['answer_probs'] - other.values['answer_probs']
        assert abs(difference).max() < 0.1


def test_a_gpu_takes_half_precision(folder, tmp_path):
    source = BlipVQA(folder / 'images', folder / 'blip', QUESTION, device='cuda')
    assert source.dtype == torch.float16  # the checkpoint is float32
    shutil.copytree(folder / 'blip', tmp_path / 'blip')
    config = json.loads((tmp_path / 'blip/config.json').read_text())
    (tmp_path / 'blip/config.json').write_text(json.dumps({**config, 'dtype': 'bfloat16'}))
    source = BlipVQA(folder / 'images', tmp_path / 'blip', QUESTION, device='cuda')
    assert source.dtype == torch.bfloat16


def test_recipe_tells_the_model_by_its_content(folder, tmp_path):
    first = BlipVQA(folder / 'images', folder / 'blip', QUESTION).recipe
    save_blip(tmp_path / 'blip', seed=1)
    second = BlipVQA(folder / 'images', tmp_path / 'blip', QUESTION).recipe
    assert {key for key in first if first[key] != second[key]} == {'model_hash'}
    assert str(tmp_path) not in json.dumps(second)
    assert (first['question'], first['dtype'], first['device']) == (QUESTION, 'float32', 'cpu')
    assert first['generation'] == dict(num_beams=3, max_length=10, min_length=1, do_sample=False)


@pytest.mark.skipif(find_spec('torchvision') is not None, reason='torchvision is installed')
def test_missing_torchvision_is_one_clear_error(folder, tmp_path):
    word_tokenizer(**SPECIAL).save_pretrained(tmp_path)
    types = dict(image_processor_type='Qwen2VLImageProcessor', processor_class='Qwen2VLProcessor')
    (tmp_path / 'preprocessor_config.json').write_text(json.dumps(types))
    (tmp_path / 'config.json').write_text(json.dumps(dict(model_type='qwen2_vl')))
    source = ImageTextVQA(folder / 'images', tmp_path, QUESTION)
    with pytest.raises(ValueError, match='needs torchvision, which is not installed') as caught:
        source.load()
    assert caught.value.__context__ is None  # no traceback of transformers above it


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(outputs=('logits',)), 'logits'),
        (dict(pooling='max'), "'max'"),
        (dict(dtype='int8'), "'int8'"),
        (dict(outputs=('answer_probs',), answers=('yes',)), 'two answers'),
        (dict(generation=dict(do_sample=True)), 'do_sample=True'),
    ],
)
def test_bad_settings(folder, options, message):
    with pytest.raises(ValueError, match=message):
        BlipVQA(folder / 'images', folder / 'blip', QUESTION, **options)


def test_unreadable_images(folder, tmp_path):
    images = tmp_path / 'images'
    shutil.copytree(folder / 'images', images)
    (images / 'sample001.jpg').write_bytes(b'')
    (images / 'sample002.jpg').write_bytes(b'no image')
    (images / 'sample003.jpg').unlink()
    names = [f'sample{i:03d}' for i in range(6)]
    cfg = dict(source=blip_cfg(folder), question=QUESTION, batch_size=2, chunk_size=2)
    with pytest.raises(ValueError, match="'sample001' cannot be decoded"):
        extract_text_features(cfg, images, tmp_path / 'out', names=names, progress=False)
    report = extract_text_features(
        cfg, images, tmp_path / 'out', names=names, on_error='skip', progress=False
    )
    assert sorted(report.skipped) == names[1:4]
    assert 'not found' in report.skipped['sample003']
    file = FeatureFile(tmp_path / 'out/answer_probs.safetensors')
    assert file.names == ('sample000', 'sample004', 'sample005')


def blip_cfg(folder):
    return dict(type='BlipVQA', model=str(folder / 'blip'), outputs=('answer_probs',))


def test_prompts_are_configuration(folder, tmp_path):
    prompts = Config.fromfile(CONFIGS / 'text_blip.py').prompts
    assert list(prompts.values()) == [
        'Whether the hands are touching head?',
        'Whether the hands are touching foot?',
        'Whether the person are holding object?',
        'whether the people are holding objects?',
    ]
    asked = {}
    for question in ('touching_head', 'is the person touching the hands ?'):
        cfg = dict(source=blip_cfg(folder), question=question, prompts=prompts)
        out = tmp_path / str(len(asked))
        extract_text_features(cfg, folder / 'images', out, progress=False)
        file = FeatureFile(out / 'answer_probs.safetensors')
        asked[json.loads(file.metadata['recipe'])['question']] = file.read('sample000')
    first, second = asked
    assert (first, second) == (prompts['touching_head'], 'is the person touching the hands ?')
    assert not np.allclose(asked[first], asked[second])


def test_shipped_configurations_build(folder):
    files = sorted(CONFIGS.glob('text_*.py'))
    assert len(files) == 5
    expected = {
        'text_npy': ['token_ids'],
        'text_objects': ['object_probs', 'hidden_states'],
    }
    for file in files:
        cfg = Config.fromfile(file)
        settings = dict(cfg.source, folder=str(folder / 'images'))
        if cfg.get('question'):
            settings['question'] = cfg.prompts[cfg.question]
        source = TEXT_SOURCES.build(settings)
        assert list(source.padding) == expected.get(file.stem, list(ALL))
        if file.stem not in expected:
            assert source._hub['trust_remote_code'] is False


class TestNpyFeatures:
    """Files as the reference implementation's scripts write them."""

    def write(self, folder, arrays):
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in arrays.items():
            np.save(folder / f'{name}.npy', array)

    def test_token_ids(self, tmp_path):
        yes, no = [[30522, 2748, 102]], [[30522, 2053, 102]]
        arrays = {'b': np.int64(yes), 'a': np.int64(no), 'c': np.int64([[30522, 102]])}
        self.write(tmp_path / 'npy', arrays)
        cfg = Config.fromfile(CONFIGS / 'text_npy.py')
        out = tmp_path / 'out'
        report = extract_text_features(
            cfg, tmp_path / 'npy', out, names=['b', 'a', 'c'], progress=False
        )
        file = FeatureFile(out / 'token_ids.safetensors')
        assert (file.names, file.shape, report.complete) == (('b', 'a', 'c'), (3, 3), True)
        assert file.read('b').tolist() == yes[0]
        assert file.read('a').tolist() == no[0]
        assert file.read('c').tolist() == [30522, 102, 0]
        assert not (out / 'answers.jsonl').exists()

    def test_floats(self, tmp_path):
        self.write(tmp_path, {'a': np.float64([0.5, 1]), 'b': np.float32([[2, 3]])})
        source = NpyFeatures(tmp_path, integer=False)
        values = [source.read(name) for name in source.names]
        assert [value.dtype for value in values] == [np.float32, np.float32]
        assert np.stack(values).tolist() == [[0.5, 1], [2, 3]]
        assert source.padding == {'features': None}

    def test_bad_files(self, tmp_path):
        class Evil:
            def __reduce__(self):
                return os.mkdir, (str(tmp_path / 'evil'),)

        self.write(tmp_path, {'rows': np.ones((2, 3), int), 'float': np.ones((1, 3))})
        np.save(tmp_path / 'pickled.npy', np.array([Evil()], object), allow_pickle=True)
        (tmp_path / 'empty.npy').write_bytes(b'')
        source = NpyFeatures(tmp_path)
        for name, message in {
            'rows': r'shape \(2, 3\)',
            'float': 'holds float64, expected integers',
            'pickled': r'pickled.npy: Object arrays cannot',
            'empty': 'no .npy file',
        }.items():
            with pytest.raises(ValueError, match=message):
                source.read(name)
        with pytest.raises(FileNotFoundError, match="'absent'"):
            source.read('absent')
        assert not (tmp_path / 'evil').exists()
