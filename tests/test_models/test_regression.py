"""Numbers of our networks at the time when they equalled the official ones."""

import pytest
import torch

from test_models.families import FAMILIES, build
from test_models.helpers import fill, wave

# Mean, standard deviation and four samples of a small network's features.
EXPECTED = {
    'ctrgcn': [
        0.11240878424640491,
        0.11953893939527384,
        0.18020462018929806,
        0.1693679734748471,
        0.18167521972615736,
        0.17112708362091134,
    ],
    'ctrsgcn': [
        0.04498603496515093,
        0.052245862193947924,
        0.08614555548339173,
        0.04466434780554662,
        0.08564425609195772,
        0.05751018563959121,
    ],
    'hdgcn': [
        0.13441113974414495,
        0.16000476490545962,
        0.08051847963660136,
        0.06825291691273278,
        0.07840232396399857,
        0.06470245265675048,
    ],
    'infogcn': [
        0.150983020702055,
        0.17616431168423505,
        0.25575626555814085,
        0.4630027333770063,
        0.43260576286201957,
        0.43630567718601726,
    ],
    'hypergcn': [
        0.1590845334915694,
        0.1967477574863513,
        0.15999520560570057,
        0.31248140120483203,
        0.177526005860398,
        0.20634464435346525,
    ],
    'lagcn': [
        0.08135344691158101,
        0.10842577352570557,
        0.1744155214850529,
        0.357831116171779,
        0.2015376984524768,
        0.23487168021159333,
    ],
    'blockgcn_topo': [
        0.13442850089048503,
        0.17249217156620927,
        0.11044963579399986,
        0.4596459537456617,
        0.12329708139455961,
        0.3488576790751162,
    ],
    'blockgcn_notopo': [
        0.11017192233997573,
        0.1432715594247278,
        0.17840681788861573,
        0.3762055429537646,
        0.20642006039768546,
        0.211817495703489,
    ],
    'dgstgcn64': [0.09375640332176124, 0.10929591003092898, 0, 0, 0, 0],
}
EXPECTED['dgstgcn96'] = EXPECTED['dgstgcn64']  # of one width when small


@pytest.mark.parametrize('name', FAMILIES)
def test_features_of_a_small_network(name: str) -> None:
    backbone = fill(build(name, **FAMILIES[name].small).backbone).eval()
    with torch.no_grad():
        output = backbone(wave(2, 2, 9, 25, 3))
    assert output.shape == (2, 2, 32, 5, 25)
    summary = [output.mean(), output.std(), *output[:, :, 3, 2, 7].flatten()]
    assert torch.stack(summary).tolist() == pytest.approx(EXPECTED[name], rel=1e-8, abs=1e-12)
