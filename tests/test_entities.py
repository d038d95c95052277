import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB2, Entities

from pipeline.entities import entity_spans, entity_types, match_counts, matches, precision_recall_f1

LABELS = ("O", "B-LOC", "I-LOC", "B-ORG-X", "I-ORG-X", "B-PER", "I-PER")


def as_set(spans, labels):
    types = entity_types(labels)
    rows = zip(spans.start.tolist(), spans.end.tolist(), spans.kind.tolist(), spans.sentence.tolist(), strict=True)
    return {(sentence, types[kind], start, end) for start, end, kind, sentence in rows}


def random_split(rng, n_sentences, labels, p_o=0.4):
    lengths = rng.integers(1, 13, n_sentences)
    p = np.where(np.array(labels) == "O", p_o, (1 - p_o) / max(1, len(labels) - 1))
    return rng.choice(len(labels), lengths.sum(), p=p / p.sum()), lengths


def sentences(tags, labels, lengths):
    return [[labels[t] for t in part] for part in np.split(tags, np.cumsum(lengths)[:-1])]


def spans_by_loop(names, first, sentence, strict):
    """The definition of an entity, one word at a time."""
    found, i = set(), 0
    while i < len(names):
        if names[i] == "O":
            i += 1
            continue
        kind, end = names[i][2:], i + 1
        while end < len(names) and names[end] == f"I-{kind}":
            end += 1
        if names[i].startswith("B-") or not strict:
            found.add((sentence, kind, first + i, first + end))
        i = end
    return found


# --- limits and identities --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strict", [False, True])
def test_only_o_has_no_entities(strict):
    spans = entity_spans(np.zeros(5, dtype=np.int64), ("O",), np.array([2, 3]), strict=strict)
    assert spans.start.size == spans.end.size == spans.kind.size == spans.sentence.size == 0
    counts = match_counts(spans, spans, 2, 0)
    assert counts.shape == (2, 0, 3)
    assert [x.item() for x in precision_recall_f1(counts.sum(axis=(0, 1)))] == [0, 0, 0]


@pytest.mark.parametrize("lengths", [[], [0], [0, 0]])
def test_no_words_no_entities(lengths):
    spans = entity_spans(np.array([], dtype=np.int64), LABELS, np.array(lengths, dtype=np.int64))
    assert spans.start.size == 0
    assert match_counts(spans, spans, len(lengths), 3).sum() == 0


def test_empty_sentences_shift_the_sentence_index_only():
    tags = np.array([1, 2, 2])
    spans = entity_spans(tags, LABELS, np.array([0, 2, 0, 1, 0]))
    assert as_set(spans, LABELS) == {(1, "LOC", 0, 2), (3, "LOC", 2, 3)}


@given(st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=6), min_size=1, max_size=4), st.booleans())
def test_equals_the_definition_word_by_word(rows, strict):
    lengths = np.array([len(row) for row in rows])
    found = as_set(entity_spans(np.concatenate(rows), LABELS, lengths, strict=strict), LABELS)
    firsts = np.cumsum(lengths) - lengths
    expected = set().union(
        *(spans_by_loop([LABELS[t] for t in row], firsts[i], i, strict) for i, row in enumerate(rows))
    )
    assert found == expected


def test_strict_spans_are_the_default_spans_that_begin_with_b():
    tags, lengths = random_split(np.random.default_rng(1), 500, LABELS)
    default, strict = (entity_spans(tags, LABELS, lengths, strict=s) for s in (False, True))
    begins = np.char.startswith(np.array(LABELS)[tags], "B-")
    assert begins[strict.start].all()
    assert as_set(strict, LABELS) == {span for span in as_set(default, LABELS) if begins[span[2]]}
    assert strict.start.size < default.start.size


def test_spans_are_in_order_and_share_no_word():
    tags, lengths = random_split(np.random.default_rng(2), 500, LABELS)
    spans = entity_spans(tags, LABELS, lengths)
    assert (spans.start < spans.end).all()
    assert (spans.end[:-1] <= spans.start[1:]).all()
    assert (np.diff(spans.sentence) >= 0).all()


def test_order_of_labels_does_not_matter():
    rng = np.random.default_rng(3)
    tags, lengths = random_split(rng, 200, LABELS)
    order = rng.permutation(len(LABELS))
    shuffled = tuple(LABELS[i] for i in order)
    again = entity_spans(np.argsort(order)[tags], shuffled, lengths)
    assert as_set(again, shuffled) == as_set(entity_spans(tags, LABELS, lengths), LABELS)


def test_gold_matches_itself_perfectly():
    tags, lengths = random_split(np.random.default_rng(4), 100, LABELS)
    spans = entity_spans(tags, LABELS, lengths)
    assert matches(spans, spans).all()
    counts = match_counts(spans, spans, len(lengths), 3)
    assert counts.dtype == np.int64
    assert (counts == counts[..., :1]).all()
    assert [x.item() for x in precision_recall_f1(counts.sum(axis=(0, 1)))] == [1, 1, 1]


# --- parity with an independent reference -----------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [LABELS, tuple(reversed(LABELS)), ("O", "B-X", "I-X"), ("O", "I-X", "B-Y")])
def test_ten_thousand_random_sequences_against_seqeval(labels):
    tags, lengths = random_split(np.random.default_rng(5), 10_000, labels)
    named = sentences(tags, labels, lengths)
    sentence = np.repeat(np.arange(len(lengths)), lengths)
    # seqeval joins the sentences with an "O" after each and gives inclusive ends
    padded = np.arange(tags.size) + sentence
    flat = {int(p): i for i, p in enumerate(padded)}
    default = {(int(sentence[flat[s]]), kind, flat[s], flat[e] + 1) for kind, s, e in get_entities(named)}
    assert as_set(entity_spans(tags, labels, lengths), labels) == default
    firsts = np.cumsum(lengths) - lengths
    strict = {
        (e.sent_id, e.tag, int(firsts[e.sent_id]) + e.start, int(firsts[e.sent_id]) + e.end)
        for entities in Entities(named, IOB2).entities
        for e in entities
    }
    assert as_set(entity_spans(tags, labels, lengths, strict=True), labels) == strict
    assert strict < default or "B-X" not in labels


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("strict", [False, True])
def test_precision_recall_f1_against_seqeval(seed, strict):
    rng = np.random.default_rng(seed)
    gold, lengths = random_split(rng, 60, LABELS)
    predicted = np.where(rng.random(gold.size) < 0.3, rng.integers(0, len(LABELS), gold.size), gold)
    y_true, y_pred = sentences(gold, LABELS, lengths), sentences(predicted, LABELS, lengths)
    spans = [entity_spans(tags, LABELS, lengths, strict=strict) for tags in (predicted, gold)]
    counts = match_counts(*spans, len(lengths), 3).sum(axis=0)
    mode = {"mode": "strict", "scheme": IOB2} if strict else {}
    for average, summed in (("micro", counts.sum(axis=0)), (None, counts)):
        reference = [
            score(y_true, y_pred, average=average, zero_division=0, **mode)
            for score in (precision_score, recall_score, f1_score)
        ]
        np.testing.assert_allclose(precision_recall_f1(summed), reference, atol=1e-12)


def test_counts_per_sentence_and_type_against_sets():
    rng = np.random.default_rng(6)
    gold, lengths = random_split(rng, 80, LABELS)
    predicted = np.where(rng.random(gold.size) < 0.4, rng.integers(0, len(LABELS), gold.size), gold)
    spans = [entity_spans(tags, LABELS, lengths) for tags in (predicted, gold)]
    counts = match_counts(*spans, len(lengths), 3)
    p, g = (as_set(s, LABELS) for s in spans)
    for sentence in range(len(lengths)):
        for kind, name in enumerate(entity_types(LABELS)):
            cells = [{span for span in found if span[:2] == (sentence, name)} for found in (p & g, p, g)]
            assert counts[sentence, kind].tolist() == [len(cell) for cell in cells]


# --- hand values ------------------------------------------------------------------------------------------------------


def test_ill_formed_prediction_is_right_by_default_and_wrong_in_strict_mode():
    labels, lengths = ("O", "B-PER", "I-PER"), np.array([2])
    f1 = []
    for strict in (False, True):
        predicted, gold = (entity_spans(np.array(t), labels, lengths, strict=strict) for t in ([2, 2], [1, 2]))
        f1.append(precision_recall_f1(match_counts(predicted, gold, 1, 1).sum(axis=(0, 1)))[2].item())
    assert f1 == [1.0, 0.0]


@pytest.mark.parametrize(
    ("names", "default", "strict"),
    [
        ("B-PER I-PER O B-LOC", {("PER", 0, 2), ("LOC", 3, 4)}, {("PER", 0, 2), ("LOC", 3, 4)}),
        ("B-PER B-PER", {("PER", 0, 1), ("PER", 1, 2)}, {("PER", 0, 1), ("PER", 1, 2)}),
        ("B-PER I-LOC I-PER", {("PER", 0, 1), ("LOC", 1, 2), ("PER", 2, 3)}, {("PER", 0, 1)}),
        ("O I-PER I-PER B-PER", {("PER", 1, 3), ("PER", 3, 4)}, {("PER", 3, 4)}),
        ("I-PER O I-PER", {("PER", 0, 1), ("PER", 2, 3)}, set()),
    ],
)
def test_short_sequences(names, default, strict):
    tags = np.array([LABELS.index(name) for name in names.split()])
    for mode, expected in ((False, default), (True, strict)):
        found = as_set(entity_spans(tags, LABELS, np.array([tags.size]), strict=mode), LABELS)
        assert {span[1:] for span in found} == expected


def test_an_entity_ends_with_its_sentence():
    spans = entity_spans(np.array([1, 2, 2, 2]), LABELS, np.array([2, 2]))
    assert as_set(spans, LABELS) == {(0, "LOC", 0, 2), (1, "LOC", 2, 4)}


@pytest.mark.parametrize(
    "predicted", [[1, 0, 0], [1, 2, 2], [5, 6, 0], [0, 1, 0]], ids=["end", "longer", "type", "start"]
)
def test_a_match_needs_start_end_and_type(predicted):
    gold = entity_spans(np.array([1, 2, 0]), LABELS, np.array([3]))
    assert not matches(entity_spans(np.array(predicted), LABELS, np.array([3])), gold).any()


def test_types_are_sorted_names_without_prefix():
    assert entity_types(("B-b", "O", "I-a", "I-b", "B-c-d")) == ("a", "b", "c-d")


def test_f1_of_counts():
    precision, recall, f1 = precision_recall_f1(np.array([[1, 2, 4], [0, 0, 3], [0, 3, 0], [0, 0, 0]]))
    assert precision.tolist() == [0.5, 0, 0, 0]
    assert recall.tolist() == [0.25, 0, 0, 0]
    assert f1.tolist() == [1 / 3, 0, 0, 0]


# --- gradients and extremes -------------------------------------------------------------------------------------------


def test_nothing_gold_or_nothing_predicted():
    some = entity_spans(np.array([1, 2, 5]), LABELS, np.array([3]))
    none = entity_spans(np.array([0, 0, 0]), LABELS, np.array([3]))
    assert matches(some, none).tolist() == [False, False]
    assert matches(none, some).tolist() == []
    assert match_counts(some, none, 1, 3).sum(axis=1).tolist() == [[0, 2, 0]]
    assert match_counts(none, some, 1, 3).sum(axis=1).tolist() == [[0, 0, 2]]


def test_one_entity_over_a_whole_long_sentence():
    tags = np.full(100_000, 2)
    spans = entity_spans(tags, LABELS, np.array([tags.size]))
    assert as_set(spans, LABELS) == {(0, "LOC", 0, 100_000)}


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["PER", "E-PER", "B-", "", "b-PER", "O-PER"])
def test_a_label_that_is_not_iob2(name):
    with pytest.raises(ValueError, match="labels must be"):
        entity_types(("O", name))


@pytest.mark.parametrize("tags", [[0, 7], [-1, 0]])
def test_a_tag_outside_the_labels(tags):
    with pytest.raises(ValueError, match=r"tags must be in \[0, 7\)"):
        entity_spans(np.array(tags), LABELS, np.array([2]))


@pytest.mark.parametrize("lengths", [[2], [2, 2]])
def test_lengths_that_do_not_sum_to_the_words(lengths):
    with pytest.raises(ValueError, match="one per word"):
        entity_spans(np.array([0, 0, 0]), LABELS, np.array(lengths))
