"""What the pages make of hostile names, words and labels: text, and nothing else."""

import json
import shutil
import unicodedata

import pytest
from command_line import pipeline
from html_page import Page, assert_self_contained
from report_run import make_run

from pipeline.console import printable
from pipeline.report.page import write_report

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
TURN = "\u202e"  # right-to-left override: what follows is shown backwards
HOSTILE = {
    "script": "<script>alert(1)</script>",
    "image": "<img/src=x/onerror=alert(1)>",
    "quotes": "\"'`onload=alert(1)",
    "entity": "&lt;script&gt;&#x3c;",
    "template": "{{7*7}}{%raw%}",
    "style": "</style></title></code><svg/onload=alert(1)>",
    "comment": "<!--]]>-->",
    "turned": f"abc{TURN}def\u2066ghi",
}


def shown(text):
    """How a page shows a text, after the browser has read it."""
    return "".join(f"⟨U+{ord(c):04X}⟩" if unicodedata.bidirectional(c) in ("RLO", "LRI") else c for c in text)


def check(html, hostile, alone=0):
    """The hostile text is there, as text, and nothing of it is anything else."""
    parsed = Page(html)
    assert f'content="{POLICY}"' in html
    assert_self_contained(html)
    assert not {"script", "img", "iframe", "object", "embed", "form", "base", "link"} & set(parsed.tags)
    assert not [name for _, name, _ in parsed.attributes if name.startswith("on")]
    assert (parsed.tags["title"], parsed.tags["style"]) == (1, 1 + parsed.tags["svg"])
    assert TURN not in html
    assert parsed.text.count(shown(hostile)) > alone


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_stage_names_labels_types_and_settings_in_the_report(tmp_path, hostile):
    make_run(tmp_path, ("teacher-ce", "student-of-ce"))
    for path in tmp_path.rglob("*.json"):
        text = path.read_text()
        for name in ("teacher-ce", "B-LOC", "PER", "uniform", "2.13.0", "5f09dd7c0ffee"):
            text = text.replace(f'"{name}"', json.dumps(hostile))
        path.write_text(text)
    (tmp_path / "config.toml").write_text(hostile)
    html = write_report(tmp_path).read_text(encoding="utf-8")
    check(html, hostile, alone=15)
    assert any(shown(hostile) in (value or "") for _, name, value in Page(html).attributes if name == "aria-label")


def corpus(folder, word, kind):
    """CoNLL files in which every entity is that word, of that type."""
    sentence = f"said O\n{word} B-{kind}\ntoday O\n. O\n\n"
    for name in ("train", "valid", "test"):
        (folder / f"{name}.txt").write_text(30 * sentence, encoding="utf-8")


@pytest.mark.parametrize(
    "name", [n if n in ("script", "turned") else pytest.param(n, marks=pytest.mark.slow) for n in HOSTILE]
)
def test_words_and_labels_in_the_audit_and_the_report(tmp_path, name):
    hostile = HOSTILE[name].replace(" ", "_")
    corpus(tmp_path, hostile, hostile)
    files = ["--set=prepare.source=files", f"--set=prepare.files.folder={tmp_path}", "--set=audit.threshold=0.0"]
    small = ["--set", 'stages={teacher={command="teach"}}', "--set", "teach.epochs=1", "--set", "probe.epochs=1"]
    pipeline("run", "smoke", "--run", tmp_path / "run", *files, *small)
    result = pipeline("audit", "--run", tmp_path / "run", "--set=audit.threshold=0.0")
    assert TURN not in result.output
    check((tmp_path / "run" / "audit" / "audit.html").read_text(encoding="utf-8"), hostile, alone=10)
    check((tmp_path / "run" / "report.html").read_text(encoding="utf-8"), hostile, alone=3)


def test_a_word_does_not_steer_the_terminal(tmp_path):
    word = "\x1b]0;title\x07\x1b[2J"
    corpus(tmp_path, word, "LOC")
    files = ["--set=prepare.source=files", f"--set=prepare.files.folder={tmp_path}", "--set=audit.threshold=0.0"]
    output = pipeline("audit", "--config", "smoke", "--run", tmp_path / "run", *files, "--set=probe.epochs=1").output
    assert "\x1b" not in output
    assert printable(word) in output
    shutil.rmtree(tmp_path / "run")
    (tmp_path / "train.txt").write_text(f"{word} {word} {word}\nRome X\n")
    assert "\x1b" not in pipeline("prepare", "--config", "smoke", "--run", tmp_path / "run", *files, code=1).output
