"""The report of a run, made from the made-up run of `report_run`."""

import json
import re
from collections import Counter
from pathlib import Path

import matplotlib as mpl
import pytest
from html_page import Page, assert_self_contained, section
from matplotlib.figure import Figure
from matplotlib.image import imread
from report_run import STAGES, make_run

from pipeline.errors import PipelineError
from pipeline.report import page, panels
from pipeline.report.figures import reliability
from pipeline.report.page import write_report


def rewrite(path, change):
    content = json.loads(path.read_text())
    path.write_text(json.dumps(change(content) or content))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = make_run(tmp_path_factory.mktemp("run"))
    write_report(folder)
    return folder


@pytest.fixture(scope="module")
def html(run):
    return (run / "report.html").read_text(encoding="utf-8")


# --- the page as a document


def test_page_needs_nothing_but_itself(html):
    assert_self_contained(html)


def test_page_is_accessible(html):
    parsed = Page(html)
    assert parsed.tags["h1"] == 1
    assert parsed.tags["h3"] == 0
    assert parsed.tags["caption"] == parsed.tags["table"]
    assert Counter((tag, name) for tag, name, _ in parsed.attributes)["th", "scope"] == parsed.tags["th"]
    labels = [value for tag, name, value in parsed.attributes if (tag, name) == ("svg", "aria-label")]
    assert len(labels) == parsed.tags["svg"] > 4 * len(STAGES)
    assert any("teacher-ce" in label and "under-confident" in label for label in labels)


def test_stylesheet_has_the_colours_of_the_figures():
    css = (Path(page.__file__).parent / "style.css").read_text()
    light = css[: css.index("@media")]
    assert all(f"--{name}: {colour};" in light for name, colour in panels.PALETTE.items())


# --- what it says


def test_every_stage_and_its_numbers_are_there(run, html):
    text = " ".join(Page(html).text.split())
    for record in json.loads((run / "metrics.json").read_text()):
        assert record["stage"] in text
        assert f"{100 * record['f1']:.1f}" in text
        assert f"{record['ece']:.3f}"[1:] in text
    for part in (
        "39.9 %",
        "22.7 M",
        "6,180",
        "T = 0.41",
        "203,621",
        "12 min 34 s",
        "torch 2.13.0",
        "−1.8 to −0.6",
    ):
        assert part in text
    assert "pipeline distill --run runs/conll --name student-reverse" in text
    assert 'kind = "uniform"' in text


def test_summary_tells_the_point(html):
    lead = Page(html[html.index("<dl") : html.index("</dl>") + 5]).text
    assert re.search(r"teacher-ce \(CE\) reaches F1 84\.2 with ECE \.3\d\d: under-confident", lead)
    assert re.search(r"teacher \(SGCE, q = \.7, s = \.1\) reaches F1 86\.1 with ECE \.0\d\d", lead)
    assert "Three students, taught by teacher, reach F1 84.5 to 85.0" in lead
    assert "at 69\u00a0% of its parameters and 2.9 times its speed" in lead
    assert "The dev tags that training looks at are clean." in lead


def test_difference_is_bold_only_where_its_interval_excludes_zero(html):
    part = html[html.index('<section id="differences"') : html.index('<section id="reliability"')]
    assert "<td><strong>−1.2</strong><small>−1.8 to −0.6</small></td>" in part
    assert "<td>−.004<small>−.010 to +.002</small></td>" in part


def test_figures_are_whole_pngs(run):
    names = {path.name for path in (run / "figures").iterdir()}
    diagrams = {f"reliability-{split}-{unit}.png" for split in ("dev", "test") for unit in ("word", "entity-word")}
    assert names >= diagrams | {"overview.png", "losses.png", "noise.png", "confusion-test.png"}
    assert all(name.endswith(".png") and imread(run / "figures" / name).std() > 0.02 for name in names)


def test_reliability_bars_have_the_height_of_the_accuracy():
    bins = [{"low": 0.0, "high": 0.5, "n": 0, "confidence": None, "accuracy": None}]
    bins.append({"low": 0.5, "high": 1.0, "n": 4, "confidence": 0.9, "accuracy": 0.6})
    figure = Figure()
    reliability(bins, 0.9, 0.6)(figure)
    output, gap = (patch.get_path().get_extents() for patch in figure.artists[:2])
    assert (output.y0, output.y1, gap.y0, gap.y1) == (0.0, 0.6, 0.6, 0.9)
    assert output.x0 == pytest.approx(0.5, abs=0.01)


# --- the same files, the same bytes


def test_same_run_gives_same_bytes_and_leaves_matplotlib_alone(run, html):
    before = dict(mpl.rcParams)
    images = {path: path.read_bytes() for path in (run / "figures").iterdir()}
    assert write_report(run) == run / "report.html"
    assert (run / "report.html").read_text(encoding="utf-8") == html
    assert {path: path.read_bytes() for path in (run / "figures").iterdir()} == images
    assert dict(mpl.rcParams) == before
    assert len(html) < 2_000_000


# --- odd runs


def test_names_are_escaped(tmp_path):
    evil = "<script>alert('$x$ & \"y\"')<"
    make_run(tmp_path, ("teacher-ce", "student-of-ce"))
    for path in tmp_path.glob("*.json"):
        text = path.read_text().replace('"teacher-ce"', json.dumps(evil)).replace('"B-LOC"', json.dumps(evil))
        path.write_text(text)
    rewrite(tmp_path / "data" / "report.json", lambda r: {**r, "source": evil, "labels": [evil, *r["labels"][1:]]})
    (tmp_path / "config.toml").write_text(evil)
    text = write_report(tmp_path).read_text(encoding="utf-8")
    assert evil in Page(text).text
    assert any(evil in value for _, name, value in Page(text).attributes if name == "aria-label")
    assert "<script" not in text


@pytest.mark.parametrize("stages", [("teacher",), ("teacher-ce", "control"), tuple(STAGES)])
def test_only_metrics_are_needed(tmp_path, stages):
    make_run(tmp_path, stages)
    for path in [p for p in tmp_path.rglob("*") if p.is_file() and p.name != "metrics.json"]:
        path.unlink()
    text = write_report(tmp_path).read_text(encoding="utf-8")
    assert all(stage in text for stage in stages)
    assert 'id="noise"' not in text
    assert 'id="differences"' not in text
    assert 'id="results"' in text


def test_nulls_are_dashes(tmp_path):
    make_run(tmp_path, ("teacher", "student-forward"))
    keep = {"stage", "kind", "role", "split", "unit", "scaled"}
    rewrite(tmp_path / "metrics.json", lambda rows: [{k: v if k in keep else None for k, v in r.items()} for r in rows])
    rewrite(tmp_path / "per_type.json", lambda rows: [r | {"f1": None, "support": None} for r in rows])
    rewrite(
        tmp_path / "data" / "report.json",
        lambda r: r["noise"].update(word_flip_rate=None, entity_f1_loss=None, matrix=None),
    )
    text = write_report(tmp_path).read_text(encoding="utf-8")
    assert "reaches F1 <strong>–</strong>" in text
    assert "unknown, for want of gold" in text
    assert "None" not in Page(text).text
    assert "nan" not in Page(text).text


def test_missing_gold_and_noisy_dev_are_said(tmp_path):
    make_run(tmp_path, ("teacher",))
    rewrite(tmp_path / "metrics.json", lambda rows: [r | {"gold": r["split"] == "test"} for r in rows])
    rewrite(tmp_path / "data" / "report.json", lambda r: r["noise"].update(dev="noisy"))
    text = Page(write_report(tmp_path).read_text(encoding="utf-8")).text
    assert "The dev split has no gold" in text
    assert "The test split has no gold" not in text
    assert "The dev tags that training looks at are noisy." in text


def test_dev_is_the_headline_where_test_was_not_scored(tmp_path):
    make_run(tmp_path, ("teacher",))
    rewrite(tmp_path / "metrics.json", lambda rows: [r for r in rows if r["split"] == "dev"])
    assert "Scores on dev." in write_report(tmp_path).read_text(encoding="utf-8")


# --- errors


def test_folder_without_metrics(tmp_path):
    with pytest.raises(PipelineError, match="run `pipeline eval` first"):
        write_report(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("content", "found"), [("[{", "expected JSON"), ("{}", "expected a JSON list, found dict")])
def test_broken_file(tmp_path, content, found):
    make_run(tmp_path, ("teacher",))
    (tmp_path / "differences.json").write_text(content)
    with pytest.raises(PipelineError, match=found):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_predicted_stands_beside_measured_confidence(html):
    parsed = Page(section(html, "law"))
    labels = [value for tag, name, value in parsed.attributes if (tag, name) == ("svg", "aria-label")]
    assert any("teacher-ce measured" in label and "predicted .597" in label for label in labels)
    assert "Predicted, estimated noise" in parsed.text
    assert ".599" in parsed.text


def test_without_predictions_there_is_no_such_section(tmp_path):
    make_run(tmp_path)
    (tmp_path / "law.json").unlink()
    write_report(tmp_path)
    assert 'id="law"' not in (tmp_path / "report.html").read_text()
