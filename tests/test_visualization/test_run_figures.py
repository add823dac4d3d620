"""Pictures of runs: what is drawn where."""

import itertools

import numpy as np
import pytest

from mmcl_ext.visualization.prediction_figure import draw_predictions
from mmcl_ext.visualization.run_figures import (
    GAIN_COLOURS,
    draw_confusion,
    draw_gains,
    most_confused_classes,
)

CLASSES = ['a', 'a rather long name of a class', 'c']
COUNTS = np.array([[3, 1, 0], [0, 0, 4], [0, 0, 0]])


def outside(figure):
    """List the texts that do not lie within the picture."""
    figure.draw_without_rendering()
    texts = [text for axes in figure.axes for text in (axes.title, axes.xaxis.label, *axes.texts)]
    for axes in figure.axes:  # ticks beyond the ends of an axis are not drawn
        low, high = sorted(axes.get_xlim())
        places = zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
        texts += [label for place, label in places if low <= place <= high]
        texts += axes.get_yticklabels()
    width, height = figure.canvas.get_width_height()
    boxes = {text.get_text(): text.get_window_extent() for text in texts if text.get_text()}
    return {
        text: box
        for text, box in boxes.items()
        if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height
    }


def test_confusion_shows_shares_and_counts():
    figure = draw_confusion({'one': COUNTS, 'two': COUNTS * 2}, CLASSES, title='both')
    left, right, _bar = figure.axes
    wanted = [[0.75, 0.25, 0], [0, 0, 1], [0, 0, 0]]  # a class without samples stays empty
    np.testing.assert_allclose(left.images[0].get_array(), wanted)
    np.testing.assert_allclose(right.images[0].get_array(), wanted)
    found = {t.get_position(): t.get_text() for t in right.texts}
    assert found == {(0, 0): '6', (1, 0): '2', (2, 1): '8'}
    assert [t.get_text() for t in left.get_yticklabels()] == CLASSES
    assert left.get_title() == 'one'


@pytest.mark.parametrize('number', [2, 10, 60])
def test_names_are_inside_the_picture_and_apart(number):
    classes = [f'standing up from position {k}' for k in range(number)]
    generator = np.random.default_rng(0)
    counts = generator.integers(0, 3, (number, number)) + 20 * np.eye(number, dtype=int)
    names = ('work_dirs/a_rather_long_name_of_a_run/scores.pkl', 'two')
    figure = draw_confusion(dict.fromkeys(names, counts), classes)
    assert not outside(figure)
    boxes = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    tops = sorted((box.y0, box.y1) for box in boxes)
    overlaps = [low - high for (_, high), (low, _) in itertools.pairwise(tops)]
    assert min(overlaps) > -2  # pixels; line height counts accents that are not there


def test_chosen_classes_keep_their_shares():
    figure = draw_confusion({'one': COUNTS}, CLASSES, shown=[1, 0])
    np.testing.assert_allclose(figure.axes[0].images[0].get_array(), [[0, 0], [0.25, 0.75]])
    assert [t.get_text() for t in figure.axes[0].get_xticklabels()] == [CLASSES[1], 'a']


def test_most_confused_classes_stand_side_by_side():
    counts = 50 * np.eye(6, dtype=int)
    counts[0, 4], counts[5, 2], counts[2, 5] = 9, 4, 4
    assert most_confused_classes([counts, counts], 4) == [0, 4, 2, 5]
    assert most_confused_classes([counts], 99)[:4] == [0, 4, 2, 5]


def test_confusion_that_does_not_fit():
    with pytest.raises(ValueError, match=r"expected confusion matrices \(2, 2\), got .*'one'"):
        draw_confusion({'one': COUNTS}, CLASSES[:2])
    with pytest.raises(ValueError, match='got none'):
        draw_confusion({}, CLASSES)


def test_gains_are_sorted_bars():
    accuracies = np.array([[0.5, 0.4], [0.2, 0.7], [np.nan, np.nan], [0.3, 0.3]])
    [axes] = draw_gains(accuracies, ['a', 'b', 'c', 'd'], ('x', 'y')).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ['b', 'd', 'a']
    np.testing.assert_allclose([bar.get_width() for bar in axes.patches], [50, 0, -10])
    assert axes.texts[0].get_text() == '+50.0  (20.0 → 70.0)'
    import matplotlib.colors as colours

    assert colours.to_hex(axes.patches[2].get_facecolor()) == GAIN_COLOURS[False]
    assert axes.get_title() == 'y minus x'


def test_of_many_classes_the_most_changed_are_drawn():
    accuracies = np.zeros((120, 2))
    accuracies[:, 1] = np.linspace(-0.5, 0.7, 120)
    figure = draw_gains(accuracies, [f'class {k}' for k in range(120)], ('x', 'y'), largest=10)
    widths = [bar.get_width() for bar in figure.axes[0].patches]
    assert widths == sorted(widths, reverse=True)
    assert len(widths) == 10
    assert 'the 10 of 120 classes that changed most' in figure.axes[0].get_title()
    assert not outside(figure)
    with pytest.raises(ValueError, match=r'expected accuracies \(3, 2\)'):
        draw_gains(accuracies, CLASSES, ('x', 'y'))


def test_no_changed_samples():
    with pytest.raises(ValueError, match='no samples to draw'):
        draw_predictions([], CLASSES, 'nturgb+d', headings=None)
