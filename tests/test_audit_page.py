"""The page of an audit, from made-up findings."""

import doctest
import re
from collections import Counter
from html import unescape

import matplotlib as mpl
import pytest
from html_page import Page, assert_self_contained, section

from pipeline.report import audit_page
from pipeline.report.audit_page import Audit, probability, write_audit_page

SENTENCES = [
    ("Ann", "Lee", "left", "Rome", "."),
    ("the", "end"),
    ("one", "two", "three", "four", "five", "six", "seven", "Oslo", "a", "b", "c", "d", "e", "f", "g"),
]


def word(rank, sentence, position, tag, suggestion, p, gold=None):
    record = {"rank": rank, "sentence": sentence, "word": position, "text": SENTENCES[sentence][position]}
    record |= {"tag": tag, "suggestion": suggestion, "probability": p}
    return record if gold is None else record | {"gold": gold}


def entity(kind, start, end):
    return {"type": kind, "start": start, "end": end}


def claim(rank, name, sentence, start, end, kind, p, given, suggested, confirmed=None):
    text = " ".join(SENTENCES[sentence][start:end])
    record = {"rank": rank, "claim": name, "sentence": sentence, "start": start, "end": end, "type": kind}
    record |= {"text": text, "probability": p, "given": given, "suggested": suggested}
    return record if confirmed is None else record | {"confirmed": confirmed}


def found(gold=True, cleanlab=True, name="my run", words=True):
    known = (lambda value: value) if gold else (lambda value: None)
    listed = [
        word(1, 1, 0, "B-LOC", "O", 0.99999, known("O")),
        word(2, 0, 1, "O", "I-PER", 0.975, known("I-PER")),
        word(3, 0, 3, "B-LOC", "B-ORG", 0.7, known("B-LOC")),
        word(4, 0, 0, "B-PER", "B-PER", 0.52, known("B-LOC")),
        word(5, 2, 7, "O", "B-LOC", 0.51, known("B-LOC")),
    ]
    claims = [
        claim(1, "wrong", 0, 0, 1, "PER", 0.9, [entity("PER", 0, 1)], [entity("PER", 0, 2)], known(True)),
        claim(2, "missing", 2, 7, 8, "LOC", 0.51, [], [entity("LOC", 7, 8)], known(False)),
        claim(3, "wrong", 1, 0, 1, "LOC", 0.505, [entity("LOC", 0, 1)], [entity("LOC", 0, 1)], known(False)),
    ]
    summary = {
        "stage": "teacher",
        "threshold": 0.5,
        "temperature": 0.8,
        "noise_rate": 0.123,
        "accuracy": 0.967,
        "words": 1234,
        "entities": 200,
        "expected_wrong_words": 151.6,
        "expected_wrong_entities": 40.0,
        "listed_words": 5,
        "listed_entities": 2,
        "by_tag": [
            {"tag": "O", "words": 1000, "expected_wrong": 100.0, "listed": 2, "suggestions": {"I-PER": 1, "B-LOC": 1}},
            {"tag": "I-LOC", "words": 0, "expected_wrong": 0.0, "listed": 0, "suggestions": {}},
        ],
    }
    scores = {"auroc": 0.98765, "average_precision": 0.9, "precision_at_recall_90": 0.91}
    curve = None
    if gold:
        rankings = {"pipeline": scores} | ({"cleanlab": scores | {"auroc": 0.9612}} if cleanlab else {})
        about = {"wrong_words": 150, "precision": 0.953, "recall": 0.9, "right_before": 0.85, "right_after": 0.96}
        about |= {"f1_before": 0.4, "f1_after": 0.9}
        summary["gold"] = about | {"ranking": {"words": rankings, "entities": {"pipeline": scores | {"auroc": None}}}}
        line = [1 - i / 200 for i in range(100)]
        curve = {"recall": [i / 100 for i in range(1, 101)], "words": dict.fromkeys(rankings, line)}
        curve["entities"] = {"pipeline": line}
    return Audit(name, summary, listed if words else [], claims if words else [], SENTENCES, curve)


@pytest.fixture
def write(tmp_path):
    def written(findings, show=200):
        write_audit_page(tmp_path / "audit.html", findings, show)
        return (tmp_path / "audit.html").read_text(encoding="utf-8")

    return written


def text_of(html):
    return " ".join(Page(html).text.split())


# --- the page as a document


def test_page_needs_nothing_but_itself(write):
    assert_self_contained(write(found()))


def test_page_is_accessible(write):
    parsed = Page(write(found()))
    assert parsed.tags["h1"] == 1
    assert parsed.tags["caption"] == parsed.tags["table"] == 2
    assert Counter((tag, name) for tag, name, _ in parsed.attributes)["th", "scope"] == parsed.tags["th"]
    labels = [value for tag, name, value in parsed.attributes if (tag, name) == ("svg", "aria-label")]
    assert len(labels) == parsed.tags["svg"] == 2
    assert "AUROC .9877" in labels[0]


def test_same_findings_same_bytes(write):
    before = dict(mpl.rcParams)
    assert write(found()) == write(found())
    assert dict(mpl.rcParams) == before


# --- what it says


def test_the_lead_tells_the_numbers(write):
    text = text_of(write(found()))
    for part in (
        "The word logits of teacher on 1,234 training words with 200 entities.",
        "12.3 % of the tags are wrong",
        "right about 96.7 % of the words",
        "5 tags are wrong with a probability above .5, 0.4 % of all.",
        "152 are expected to be wrong in all.",
        "150 tags differ from gold. Of the listed, 95.3 % do; of those that do, 90.0 % are listed.",
        "This ranking: AUROC .9877; precision .9100 at recall .9.",
        "cleanlab’s on the same logits: AUROC .9612",
        "Corrected by --apply, 96.0 % of the tags are right instead of 85.0; entity F1 90.0, not 40.0.",
    ):
        assert part in text


def test_words_stand_in_their_sentences(write):
    html = section(write(found()), "sentences")
    rows = [text_of(row) for row in re.findall(r"<li>.*?</li>", html, re.DOTALL)]
    assert rows[0] == ">.999sentence 1 theB-LOC O >.999 end"
    assert rows[1] == (
        ".975sentence 0 AnnB-PER ? .520gold: B-LOC LeeO I-PER .975 left RomeB-LOC B-ORG .700gold: B-LOC ."
    )
    assert len(rows) == 3
    assert html.count('class="suspect alarm"') == 1
    assert "all of 5 listed words" in html


def test_claims_stand_in_their_surroundings(write):
    rows = [text_of(row) for row in re.findall(r"<tr><td>.*?</tr>", section(write(found()), "entities"), re.DOTALL)]
    assert rows == [
        "Ann Lee left Rome .PERPER “Ann Lee”.900agrees0",
        "… two three four five six seven Oslo a b c d e f …no entityLOC.510disagrees2",
        "the endLOC?.505disagrees1",
    ]


def test_tags_that_nobody_has_are_left_out(write):
    text = text_of(section(write(found()), "tags"))
    assert "O1,00010010.02I-PER 1, B-LOC 1" in text
    assert "I-LOC" not in text


def test_show_limits_sentences_and_claims(write):
    html = write(found(), show=1)
    assert section(html, "sentences").count("<li>") == 1
    assert "1 of 5 listed words" in section(html, "sentences")
    assert section(html, "entities").count("<tr><td>") == 1
    assert "The 1 most probable of 3 claims" in section(html, "entities")


# --- odd findings


def test_without_gold(write):
    html = write(found(gold=False))
    text = text_of(html)
    assert "Gold of the training words is not known" in text
    assert Page(html).tags["svg"] == 0
    assert 'id="curves"' not in html
    assert "#curves" not in html
    assert "alarm" not in html[html.index("</style>") :]
    assert "agrees" not in text
    assert "None" not in text


def test_without_cleanlab(write):
    assert "cleanlab" not in text_of(write(found(cleanlab=False)))


def test_nothing_listed(write):
    text = text_of(write(found(words=False)))
    assert "No tag is wrong with a probability above the threshold." in text
    assert "No claim about an entity is more probable than the threshold." in text


def test_text_is_escaped(write, monkeypatch):
    evil = "<script>alert('$x$ & \"y\"')</script>"
    monkeypatch.setitem(globals(), "SENTENCES", [tuple(evil for _ in words) for words in SENTENCES])
    html = write(found(name=evil))
    assert "<script" not in html
    assert unescape(html).count(evil) > 10


def test_certainty_is_not_claimed():
    assert [probability(p) for p in (0.5, 0.9994, 0.99941, 1.0)] == [".500", ".999", ">.999", ">.999"]
    result = doctest.testmod(audit_page)
    assert (result.attempted, result.failed) == (1, 0)
