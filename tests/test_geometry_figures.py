import json

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from report_run import LABELS, geometry, make_run

from pipeline.report.geometry_figures import COLOURS, SIZE, projection, windows
from pipeline.report.page import write_report


def record(scale=1.0):
    found = geometry("teacher", LABELS, np.random.default_rng(0))
    return found | {"points": [(scale * np.array(own) + 40).tolist() for own in found["points"]]}


def drawn(found, window):
    figure = Figure(figsize=SIZE)
    projection(found, window)(figure)
    return figure


def dots(figure, colour):
    """Where the dots of one colour begin, sorted."""
    shapes = [a for a in figure.artists if isinstance(a, PathPatch) and to_hex(a.get_edgecolor()) == colour]
    paths = [shape.get_path() for shape in shapes]
    return sorted(vertex for path in paths for vertex in path.vertices[::2].tolist())


def lines(figure):
    return [a for a in figure.artists if isinstance(a, Line2D)]


def test_every_word_is_a_dot_in_the_colour_of_its_class():
    found = record()
    figure = drawn(found, *windows([found]))
    for own, colour in zip(found["points"], COLOURS, strict=True):
        np.testing.assert_allclose(dots(figure, colour), sorted(own))
    assert [line.get_color() for line in lines(figure)][:3] == list(COLOURS)
    assert [t.get_text() for t in figure.texts][:3] == ["B-LOC", "B-MISC", "B-ORG"]


def test_panels_share_a_scale_and_hold_every_point():
    small, large = record(), record(scale=3.0)
    ours, theirs = windows([small, large])
    assert ours.side == theirs.side
    for found, window in ((small, ours), (large, theirs)):
        points = np.concatenate(found["points"])
        assert np.abs(points - window.middle).max() < window.side / 2


def test_the_bar_is_as_long_as_it_says():
    found = record()
    (window,) = windows([found])
    figure = drawn(found, window)
    (bar,) = [line for line in lines(figure) if len(line.get_xdata()) == 2]
    assert figure.texts[-1].get_text() == "2"
    assert np.ptp(bar.get_xdata()) == pytest.approx(2)
    assert 1 / 13 < 2 / window.side < 1 / 4


@pytest.mark.parametrize("points", [[[[1.0, 2.0]]] * 3, [[[1.0, 2.0], [3.0, 2.0]], [[2.0, 2.0]], [[2.0, 2.0]]]])
def test_hardly_any_points(points):
    found = record() | {"points": points}
    figure = drawn(found, *windows([found]))
    assert sum(len(dots(figure, colour)) for colour in COLOURS) == sum(map(len, points))


def test_long_labels_are_cut():
    found = record() | {"classes": ["B-creative-work", "B-product", "B-person"]}
    figure = drawn(found, *windows([found]))
    assert [t.get_text() for t in figure.texts][:3] == ["B-creat…", "B-produ…", "B-person"]


def test_dots_are_in_the_picture_too(tmp_path):
    """Strokes of no length are lost where they are snapped to pixels."""
    make_run(tmp_path, ("teacher",))
    (tmp_path / "reliability.json").unlink()  # most of the time of a report
    write_report(tmp_path)
    image = imread(tmp_path / "figures" / "geometry.png")[:, :, :3]
    coloured = np.ptp(image, axis=2) > 0.2
    assert coloured.sum() > 300 * 5


def test_the_page_has_a_panel_and_a_row_for_every_measured_model(tmp_path):
    make_run(tmp_path, ("teacher-ce", "teacher", "control"))
    (tmp_path / "reliability.json").unlink()
    rows = json.loads((tmp_path / "geometry.json").read_text())
    rows[0]["words"] = rows[0]["words"] | {"ratio": None}
    (tmp_path / "geometry.json").write_text(json.dumps(rows))
    text = write_report(tmp_path).read_text(encoding="utf-8")
    part = text[text.index('<section id="representations"') : text.index('<section id="noise"')]
    assert part.count('<p class="title">') == part.count('<tr><th scope="row">') == 2
    assert part.count("within / between 3.050") == 4  # under the title, and for those who cannot see it
    assert "<td>11.60</td><td>9.30</td><td>.36</td><td>65.20</td><td>21.40</td><td>–</td><td>3.05</td>" in part
    (tmp_path / "geometry.json").unlink()
    assert 'id="representations"' not in write_report(tmp_path).read_text(encoding="utf-8")
