import json

import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from report_run import gradients, make_run

from pipeline.report import gradient_figures
from pipeline.report.page import write_report
from pipeline.report.panels import BLUE, INK, MUTED, RED, Panel, style, svg


def drawn(epochs):
    figure = Figure()
    gradient_figures.gradient(epochs)(figure)
    return figure


def lines(figure, colour):
    drawn = [a for a in figure.artists if isinstance(a, Line2D)]
    return [line.get_xydata().tolist() for line in drawn if line.get_color() == colour]


def boxes(figure, colour):
    """Corners of the bars of one colour, histogram by histogram."""
    shapes = [a for a in figure.artists if isinstance(a, PathPatch) and to_hex(a.get_facecolor()) == colour]
    return [shape.get_path().get_extents().extents.tolist() for shape in shapes]


def test_lines_are_the_three_shares():
    figure = drawn(list(gradients("teacher")))
    assert lines(figure, RED) == [[[1, pytest.approx(0.4)], [2, pytest.approx(0.5)], [3, pytest.approx(0.6)]]]
    assert lines(figure, INK) == [[[1, 0.9], [2, 0.9], [3, 0.9]]]
    assert lines(figure, MUTED) == [[[1, 0.4], [2, 0.4], [3, 0.4]]]


def test_bars_are_shares_of_right_and_of_wrong_words_at_the_decades_of_their_weights():
    figure = drawn(list(gradients("teacher")))
    assert boxes(figure, BLUE) == [[-4, 0, 0, pytest.approx(10 / 320)]] * 2  # the first epoch and the last
    assert boxes(figure, RED) == [[pytest.approx(-0.125), 0, 0, 1]] * 2
    assert [t.get_text() for t in figure.texts if t.get_text().startswith("epoch")] == ["epoch 1", "epoch 3"]


def test_one_epoch_of_clean_tags():
    epoch = next(iter(gradients("teacher")))
    figure = drawn([epoch | {"flipped": None, "weight_share": None, "words_share": 0.0}])
    assert len(boxes(figure, BLUE)) == 1
    assert boxes(figure, RED) == []
    assert lines(figure, RED) == [[]]
    assert [t.get_text() for t in figure.texts if t.get_text().startswith("epoch")] == ["epoch 1"]


def test_many_epochs_are_numbered_now_and_then():
    epoch = next(iter(gradients("teacher")))
    figure = drawn([epoch | {"epoch": n} for n in range(1, 31)])
    numbers = [t.get_text() for t in figure.texts if t.get_text().isdigit()]
    # Before them 0 and 1, the ends of the shares, and after them 1, the largest weight.
    assert numbers[2:-1] == ["1", "5", "9", "13", "17", "21", "25", "29"]
    with style():
        assert "<path" in svg(Panel("", "", "", gradient_figures.gradient([epoch]), gradient_figures.SIZE), "x")


def test_the_page_has_a_panel_for_every_recorded_teacher(tmp_path):
    make_run(tmp_path, ("teacher-ce", "teacher", "control"))
    (tmp_path / "reliability.json").unlink()  # most of the time of a report
    text = write_report(tmp_path).read_text(encoding="utf-8")
    part = text[text.index('<section id="gradients"') : text.index('<section id="representations"')]
    assert part.count('<p class="title">') == 2
    assert part.count("40.0 to 60.0 % on wrong tags") == 2
    assert "60.0 percent in epoch 3" in part
    assert (tmp_path / "figures" / "gradients.png").is_file()
    rows = json.loads((tmp_path / "gradients.json").read_text())
    (tmp_path / "gradients.json").write_text(json.dumps([row | {"flipped": None} for row in rows]))
    assert write_report(tmp_path).read_text(encoding="utf-8").count("no tag is wrong") == 2
    (tmp_path / "gradients.json").unlink()
    assert 'id="gradients"' not in write_report(tmp_path).read_text(encoding="utf-8")
