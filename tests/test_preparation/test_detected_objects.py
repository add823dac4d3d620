"""Objects in composites, by NanoDet with random weights in the files of TensorFlow.js."""

import json

import numpy as np
import pytest
import torch
from text_models import write_composites

from mmcl_ext.datasets.store.feature_file import FeatureFile
from mmcl_ext.preparation.text.answers import read_answers
from mmcl_ext.preparation.text.detected_objects import COCO_CLASSES, DetectedObjects
from mmcl_ext.preparation.text.extract_text_features import extract_text_features
from mmcl_ext.preparation.text.nanodet import NanoDet, load_nanodet


def write_graph(folder, network):
    """Write weights as the converter of TensorFlow.js does: graph, manifest, half precision."""
    nodes, entries, data = [], [], b''
    for number, conv in enumerate(network.convolutions):
        suffix = f'_{number}' if number else ''
        arrays = {f'split{suffix}': conv.weight.permute(2, 3, 1, 0), f'unknown_{number}': conv.bias}
        for name, values in arrays.items():
            half = values.detach().numpy().astype('<f2')
            kind = dict(dtype='float32', quantization=dict(dtype='float16'))
            entries += [dict(name='axis', shape=[2], dtype='int32')]
            entries += [dict(name=name, shape=list(half.shape), **kind)]
            data += bytes(8) + half.tobytes()
        conv_node = dict(name=f'P/convolution{suffix}', op='Conv2D', input=['x', f'split{suffix}'])
        add = dict(name=f'P/Add{suffix}', op='Add', input=[conv_node['name'], f'unknown_{number}'])
        nodes += [conv_node, add]
    groups = [dict(paths=['nanodet.bin'], weights=entries)]
    content = dict(modelTopology=dict(node=nodes[::-1]), weightsManifest=groups)
    (folder / 'nanodet.json').write_text(json.dumps(content))
    (folder / 'nanodet.bin').write_bytes(data)
    return folder / 'nanodet.json'


@pytest.fixture(scope='module')
def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return NanoDet().eval()


@pytest.fixture
def graph(tmp_path, network):
    return write_graph(tmp_path, network)


def test_the_published_size(network):
    assert sum(p.numel() for p in network.parameters()) == 3_786_068
    assert len(network.convolutions) == 34


@torch.inference_mode()
def test_weights_of_a_graph(graph, network):
    loaded = load_nanodet(graph)
    for ours, theirs in zip(loaded.convolutions, network.convolutions, strict=True):
        assert torch.equal(ours.weight, theirs.weight.half().float())
        assert torch.equal(ours.bias, theirs.bias.half().float())
    x = torch.randn(1, 3, 416, 416)
    scores = loaded(x)
    assert scores.shape == (1, 52**2 + 26**2 + 13**2, 80)
    assert torch.allclose(scores, network(x), atol=1e-3)


def test_damaged_files(graph):
    content = json.loads(graph.read_text())
    data = graph.with_suffix('.bin').read_bytes()
    graph.with_suffix('.bin').write_bytes(data[:-2])
    with pytest.raises(ValueError, match='outside of the file'):
        load_nanodet(graph)
    graph.with_suffix('.bin').write_bytes(data)
    content['modelTopology']['node'] = content['modelTopology']['node'][2:]
    graph.write_text(json.dumps(content))
    with pytest.raises(ValueError, match='of convolution 33 of NanoDet'):
        load_nanodet(graph)
    for wrong in (
        {},
        dict(content, weightsManifest=[3]),
        dict(content, modelTopology=dict(node=7)),
    ):
        graph.write_text(json.dumps(wrong))
        with pytest.raises(ValueError, match=r'nanodet\.json: '):
            load_nanodet(graph)


def test_sentences(tmp_path):
    source = DetectedObjects(tmp_path, 'nanodet.json', threshold=0.4)
    probs = np.zeros(80, np.float32)
    assert source.describe(probs) == 'There is nothing.'
    probs[[COCO_CLASSES.index('chair'), COCO_CLASSES.index('person')]] = 0.5, 0.9
    probs[COCO_CLASSES.index('cell phone')] = 0.39
    assert source.describe(probs) == 'There is a person, a chair.'
    assert len(set(COCO_CLASSES)) == 80


def test_features_of_composites(tmp_path, graph, network):
    names = write_composites(tmp_path / 'images', 3)
    source = dict(type='DetectedObjects', model=str(graph), num_tiles=1, threshold=0.001)
    extract_text_features(
        dict(source=source), tmp_path / 'images', tmp_path / 'out', progress=False
    )
    file = FeatureFile(tmp_path / 'out/object_probs.safetensors')
    assert sorted(file.names) == sorted(names)
    reader = DetectedObjects(tmp_path / 'images', graph, num_tiles=1)
    with torch.inference_mode():
        own = network(torch.from_numpy(reader.read(names[0])))
    found = file.read(names[0])
    assert np.allclose(found, own.amax((0, 1)).numpy(), atol=1e-3)
    answers = read_answers(tmp_path / 'out')
    assert answers[names[0]].startswith(f'There is a {COCO_CLASSES[int(found.argmax())]}')


@pytest.mark.parametrize(
    ('setting', 'message'),
    [
        (dict(outputs=('boxes',)), 'expected some of'),
        (dict(threshold=1.0), 'threshold must lie in'),
        (dict(num_tiles=0), 'num_tiles must be positive'),
    ],
)
def test_wrong_settings(tmp_path, setting, message):
    with pytest.raises(ValueError, match=message):
        DetectedObjects(tmp_path, 'nanodet.json', **setting)


def test_a_composite_that_is_no_row_of_tiles(tmp_path, graph):
    (name,) = write_composites(tmp_path / 'images', 1)
    source = DetectedObjects(tmp_path / 'images', graph, num_tiles=7)
    with pytest.raises(ValueError, match='is no 7 tiles'):
        source.read(name)
