import json
from itertools import pairwise

import numpy as np
import pytest
from seqeval.metrics import classification_report, f1_score, precision_score, recall_score
from seqeval.scheme import IOB2

from pipeline.bootstrap import interval, resample_weights
from pipeline.calibration import equal_mass_edges, equal_width_edges, softmax
from pipeline.metrics import as_record, confusion, difference, per_type, score

LABELS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
UNITS = ("word", "entity-word", "span")
METRICS = ["f1", "f1_strict", "precision", "recall", "ece", "mce", "mce30", "ace", "nll", "brier"]
METRICS += ["accuracy", "confidence"]
OUT, B_LOC, I_LOC, B_PER, I_PER = range(5)


def random_stage(seed, n_sentences=60, gap=2.0, labels=LABELS):
    """Gold, lengths and logits that are right more often than not."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 12, n_sentences)
    n = int(lengths.sum())
    gold = rng.choice(len(labels), n, p=[0.6] + [0.4 / (len(labels) - 1)] * (len(labels) - 1))
    logits = rng.normal(scale=1.5, size=(n, len(labels))) + gap * np.eye(len(labels))[gold]
    return logits.astype(np.float32), gold, lengths


def logits_of(predicted, n_labels=5, gap=3.0):
    return (gap * np.eye(n_labels)[np.array(predicted)]).astype(np.float32)


def score_all(logits, gold, lengths, *, n_resamples=20, labels=LABELS, **options):
    weights = resample_weights(len(lengths), n_resamples)
    return dict(zip(UNITS, score(logits, gold, labels, lengths, weights=weights, **options), strict=True))


def spans_by_loop(names):
    found, i = {}, 0
    while i < len(names):
        end = i + 1
        if names[i] != "O":
            while end < len(names) and names[end] == f"I-{names[i][2:]}":
                end += 1
            found[i] = (end, names[i][2:])
        i = end
    return found


def units_by_loop(logits, gold, lengths, temperature):
    """(confidence, correct, nll, brier) of every unit, per kind and sentence, one word at a time."""
    rows = {unit: [[] for _ in lengths] for unit in UNITS}
    start = 0
    for s, length in enumerate(lengths):
        confidence = []
        for i in range(start, start + length):
            z = logits[i].astype(np.float64) / temperature
            p = np.exp(z - z.max())
            p /= p.sum()
            predicted = int(p.argmax())
            row = (p.max(), predicted == gold[i], -np.log(p[gold[i]]), sum((p - np.eye(len(p))[gold[i]]) ** 2))
            rows["word"][s].append(row)
            if gold[i] != OUT or predicted != OUT:
                rows["entity-word"][s].append(row)
            confidence.append(p.max())
        stretch = slice(start, start + length)
        true = spans_by_loop([LABELS[t] for t in gold[stretch]])
        for first, (end, kind) in spans_by_loop([LABELS[t] for t in logits[stretch].argmax(axis=1)]).items():
            c, right = np.prod(confidence[first:end]), true.get(first) == (end, kind)
            rows["span"][s].append((c, right, -np.log(c if right else 1 - c), (c - right) ** 2))
        start += length
    return rows


def calibration_by_loop(rows, width, mass):
    """The eight calibration metrics of a list of units, one bin at a time."""
    if not rows:
        return dict.fromkeys(METRICS[4:], np.nan)
    c, right, nll, brier = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))

    def gaps(edges):
        for lo, hi in pairwise(edges):
            chosen = (lo < c) & (c <= hi)
            if chosen.any():
                yield chosen.sum(), abs(right[chosen].mean() - c[chosen].mean())

    return {
        "ece": sum(n * gap for n, gap in gaps(width)) / len(c),
        "mce": max(gap for _, gap in gaps(width)),
        "mce30": max((gap for n, gap in gaps(width) if n >= 30), default=np.nan),
        "ace": sum(n * gap for n, gap in gaps(mass)) / len(c),
        "nll": nll.mean(),
        "brier": brier.mean(),
        "accuracy": right.mean(),
        "confidence": c.mean(),
    }


def entity_scores_by_seqeval(y_true, y_pred):
    strict = {"mode": "strict", "scheme": IOB2}
    return {
        "f1": f1_score(y_true, y_pred, zero_division=0),
        "f1_strict": f1_score(y_true, y_pred, zero_division=0, **strict),
        "precision": precision_score(y_true, y_pred, zero_division=0),
        "recall": recall_score(y_true, y_pred, zero_division=0),
    }


def names(tags, lengths):
    return [[LABELS[t] for t in part] for part in np.split(tags, np.cumsum(lengths)[:-1])]


# --- limits and identities --------------------------------------------------------------------------------------------


def test_three_units_with_every_metric():
    logits, gold, lengths = random_stage(0)
    found = score(logits, gold, LABELS, lengths, weights=resample_weights(60, 20))
    assert [s.unit for s in found] == list(UNITS)
    for s in found:
        assert list(s.samples) == METRICS
        assert list(s.values) == [*METRICS, "n"]
        assert all(samples.shape == (20,) for samples in s.samples.values())
        assert s.bins.shape == (10, 3)
        assert s.bins[:, 0].sum() == s.values["n"]


def test_entity_metrics_are_those_of_the_split_in_every_unit():
    word, *others = score_all(*random_stage(1)).values()
    for other in others:
        for name in METRICS[:4]:
            assert other.values[name] == word.values[name]
            np.testing.assert_allclose(other.samples[name], word.samples[name], rtol=1e-12)


def test_weights_of_one_give_the_estimate_itself():
    logits, gold, lengths = random_stage(2, n_sentences=300)
    for s in score(logits, gold, LABELS, lengths, weights=np.ones((3, 300), dtype=np.float32)):
        for name in METRICS:
            np.testing.assert_allclose(s.samples[name], s.values[name], rtol=1e-12)


def test_temperature_divides_the_logits_and_leaves_f1_alone():
    logits, gold, lengths = random_stage(3)
    warm, divided, plain = (
        score_all(z, gold, lengths, temperature=t) for z, t in ((logits, 2), (logits / 2, 1), (logits, 1))
    )
    for unit in UNITS:
        assert warm[unit].values == pytest.approx(divided[unit].values, rel=1e-12)
        assert [warm[unit].values[m] for m in METRICS[:4]] == [plain[unit].values[m] for m in METRICS[:4]]
        assert warm[unit].values["confidence"] < plain[unit].values["confidence"]


def test_accuracy_of_spans_is_precision():
    span = score_all(*random_stage(4))["span"]
    assert span.values["accuracy"] == span.values["precision"]
    np.testing.assert_allclose(span.samples["accuracy"], span.samples["precision"])


def test_a_perfect_stage():
    _, gold, lengths = random_stage(5)
    for s in score_all(logits_of(gold, gap=60), gold, lengths).values():
        for name in ("f1", "precision", "recall", "accuracy", "confidence"):
            assert s.values[name] == pytest.approx(1)
        for name in ("ece", "mce", "ace", "nll", "brier"):
            assert s.values[name] == pytest.approx(0, abs=1e-9)


def test_a_stage_does_not_differ_from_itself():
    for s in score_all(*random_stage(6)).values():
        record = difference(s, s)
        assert record.pop("unit") == s.unit
        assert set(record.values()) <= {0, None}


def test_difference_is_antisymmetric():
    logits, gold, lengths = random_stage(7, n_sentences=200)
    a, b = (score_all(z, gold, lengths)["word"] for z in (logits, logits[:, ::-1].copy()))
    forth, back = difference(a, b), difference(b, a)
    for name in METRICS:
        assert forth[name] == -back[name]
        assert forth[f"{name}_low"] == pytest.approx(-back[f"{name}_high"])


def test_paired_differences_are_narrower_on_correlated_stages():
    logits, gold, lengths = random_stage(8, n_sentences=300)
    nearly = logits + np.random.default_rng(9).normal(scale=0.3, size=logits.shape).astype(np.float32)
    options = {"n_resamples": 500}
    a, b = score_all(logits, gold, lengths, **options)["word"], score_all(nearly, gold, lengths, **options)["word"]
    elsewhere = score(nearly, gold, LABELS, lengths, weights=resample_weights(300, 500, seed=1))[0]
    for name in ("f1", "accuracy", "nll", "brier"):
        paired, unpaired = difference(a, b), difference(a, elsewhere)
        widths = [record[f"{name}_high"] - record[f"{name}_low"] for record in (paired, unpaired)]
        assert widths[0] < 0.6 * widths[1]


def test_a_calibrated_stage_has_a_small_error_in_words_and_spans():
    rng = np.random.default_rng(10)
    labels, lengths = ("O", "B-PER"), np.full(5000, 4)  # one-word entities: a span is right exactly if its word is
    logits = rng.normal(scale=2, size=(20_000, 2)).astype(np.float32)
    gold = (rng.random(20_000) < softmax(logits)[:, 1]).astype(np.int64)
    found = score_all(logits, gold, lengths, labels=labels)
    for unit in ("word", "span"):
        assert found[unit].values["ece"] < 0.02
        assert found[unit].values["ace"] < 0.02
    assert score_all(4 * logits, gold, lengths, labels=labels)["word"].values["ece"] > 0.08


# --- parity with an independent reference -----------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [1.0, 1.7])
@pytest.mark.parametrize("seed", [11, 12])
def test_estimates_and_resamples_against_copied_sentences(seed, temperature):
    logits, gold, lengths = random_stage(seed)
    weights = resample_weights(60, 8, seed)
    rows = units_by_loop(logits, gold, lengths, temperature)
    y_true, y_pred = names(gold, lengths), names(logits.argmax(axis=1), lengths)
    for s in score(logits, gold, LABELS, lengths, weights=weights, temperature=temperature):
        per_sentence = rows[s.unit]
        everything = [row for sentence in per_sentence for row in sentence]
        edges = equal_width_edges(10), equal_mass_edges(np.array([row[0] for row in everything]), 10)
        expected = calibration_by_loop(everything, *edges) | entity_scores_by_seqeval(y_true, y_pred)
        assert s.values == pytest.approx(expected | {"n": len(everything)}, abs=1e-9, nan_ok=True)
        for r, row in enumerate(weights):
            drawn = [i for i in range(60) for _ in range(int(row[i]))]
            expected = calibration_by_loop([unit for i in drawn for unit in per_sentence[i]], *edges)
            expected |= entity_scores_by_seqeval([y_true[i] for i in drawn], [y_pred[i] for i in drawn])
            assert {name: s.samples[name][r] for name in METRICS} == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_per_type_against_seqeval():
    logits, gold, lengths = random_stage(13)
    report = classification_report(
        names(gold, lengths), names(logits.argmax(axis=1), lengths), output_dict=True, zero_division=0
    )
    rows = per_type(logits, gold, LABELS, lengths)
    assert [row["type"] for row in rows] == ["LOC", "PER"]
    for row in rows:
        theirs = report[row["type"]]
        assert row["precision"] == pytest.approx(theirs["precision"])
        assert row["recall"] == pytest.approx(theirs["recall"])
        assert row["f1"] == pytest.approx(theirs["f1-score"])
        assert row["support"] == theirs["support"]
        assert row["predicted"] * row["precision"] == pytest.approx(row["support"] * row["recall"])


def test_confusion_against_a_loop():
    logits, gold, _ = random_stage(14)
    expected = np.zeros((5, 5), dtype=int)
    for g, p in zip(gold, logits.argmax(axis=1), strict=True):
        expected[g, p] += 1
    found = confusion(logits, gold, 5)
    assert found.dtype == np.int64
    assert found.tolist() == expected.tolist()


def test_the_interval_of_f1_covers_the_truth_about_as_often_as_it_says():
    logits, gold, lengths = random_stage(15, n_sentences=6000)
    truth = score_all(logits, gold, lengths, n_resamples=1)["word"].values
    bounds = np.cumsum(lengths)[99::100]
    covered = dict.fromkeys(("f1", "accuracy", "nll"), 0)
    for part, chunk in enumerate(np.split(np.arange(len(gold)), bounds[:-1])):
        word = score_all(logits[chunk], gold[chunk], lengths[100 * part : 100 * part + 100], n_resamples=200)["word"]
        record = as_record(word)
        for name in covered:
            covered[name] += record[f"{name}_low"] <= truth[name] <= record[f"{name}_high"]
    assert all(52 <= count <= 60 for count in covered.values())  # of 60; 57 expected


# --- hand values ------------------------------------------------------------------------------------------------------


def test_ill_formed_prediction_is_right_by_default_and_wrong_in_strict_mode():
    values = score_all(logits_of([I_PER, I_PER]), np.array([B_PER, I_PER]), np.array([2]))["span"].values
    assert (values["f1"], values["f1_strict"]) == (1, 0)
    assert (values["n"], values["accuracy"]) == (1, 1)


def test_six_words_by_hand():
    gold = np.array([B_PER, I_PER, OUT, OUT, B_LOC, OUT])
    predicted = [B_PER, I_PER, OUT, B_LOC, OUT, OUT]
    found = score_all(logits_of(predicted), gold, np.array([3, 3]))
    c = np.exp(3) / (np.exp(3) + 4)  # confidence of every word
    assert [s.values["n"] for s in found.values()] == [6, 4, 2]
    assert [s.values["accuracy"] for s in found.values()] == pytest.approx([4 / 6, 2 / 4, 1 / 2])
    assert [s.values["confidence"] for s in found.values()] == pytest.approx([c, c, (c**2 + c) / 2])
    assert [s.values["ece"] for s in found.values()] == pytest.approx([c - 4 / 6, c - 0.5, ((1 - c**2) + c) / 2])
    assert found["word"].values["f1"] == 0.5
    assert found["span"].values["mce"] == pytest.approx(c)
    assert found["span"].values["nll"] == pytest.approx(-(np.log(c**2) + np.log(1 - c)) / 2)
    assert found["span"].values["brier"] == pytest.approx(((1 - c**2) ** 2 + c**2) / 2)
    wrong = (1 - c) / 4
    right, missed = (1 - c) ** 2 + 4 * wrong**2, c**2 + (1 - wrong) ** 2 + 3 * wrong**2
    assert found["entity-word"].values["brier"] == pytest.approx((right + missed) / 2)
    assert found["entity-word"].values["nll"] == pytest.approx(-(np.log(c) + np.log(wrong)) / 2)


def test_per_type_and_confusion_by_hand():
    gold, predicted = np.array([B_PER, I_PER, OUT, B_LOC]), logits_of([B_PER, I_PER, B_PER, OUT])
    assert per_type(predicted, gold, LABELS, np.array([4])) == [
        {"type": "LOC", "precision": 0, "recall": 0, "f1": 0, "support": 1, "predicted": 0},
        {"type": "PER", "precision": 0.5, "recall": 1, "f1": 2 / 3, "support": 1, "predicted": 2},
    ]
    counts = confusion(predicted, gold, 5)
    assert (counts[B_PER, B_PER], counts[OUT, B_PER], counts[B_LOC, OUT], counts.sum()) == (1, 1, 1, 4)


def test_record_is_flat_and_its_ends_are_the_interval():
    logits, gold, lengths = random_stage(16, n_sentences=200)
    word = score_all(logits, gold, lengths, n_resamples=100)["word"]
    record = as_record(word)
    assert list(record)[:5] == ["unit", "n", "f1", "f1_low", "f1_high"]
    assert len(record) == 2 + 3 * len(METRICS)
    assert record["n"] == len(gold)
    assert type(record["n"]) is int
    for name in METRICS:
        assert record[name] == word.values[name]
        assert (record[f"{name}_low"], record[f"{name}_high"]) == interval(word.samples[name])
    assert json.loads(json.dumps(record, allow_nan=False)) == record


def test_difference_by_hand():
    gold, lengths = np.array([B_PER, B_PER, OUT, OUT]), np.array([1, 1, 1, 1])
    weights = np.array([[1, 1, 1, 1], [2, 0, 1, 1], [0, 0, 2, 2]], dtype=np.float32)
    a, b = (
        score(logits_of(p), gold, LABELS, lengths, weights=weights)[0]
        for p in ([B_PER, B_PER, OUT, OUT], [B_PER, OUT, OUT, OUT])
    )
    record = difference(a, b)
    assert record["accuracy"] == 0.25
    assert record["recall"] == 0.5
    assert (a.samples["accuracy"] - b.samples["accuracy"]).tolist() == [0.25, 0, 0]
    assert (record["accuracy_low"], record["accuracy_high"]) == interval(np.array([0.25, 0, 0]))


# --- gradients and extremes -------------------------------------------------------------------------------------------


def test_no_predicted_entity_leaves_nothing_to_measure_in_spans():
    gold = np.array([OUT, B_PER, OUT])
    span = score_all(logits_of([OUT, OUT, OUT]), gold, np.array([2, 1]))["span"]
    assert span.values["n"] == 0
    assert [span.values[m] for m in METRICS[:4]] == [0, 0, 0, 0]
    assert np.isnan([span.values[m] for m in METRICS[4:]]).all()
    assert span.bins.sum() == 0
    record = as_record(span)
    assert all(record[f"{m}{end}"] is None for m in METRICS[4:] for end in ("", "_low", "_high"))
    assert json.dumps(record, allow_nan=False)
    assert all(difference(span, span)[m] is None for m in METRICS[4:])


def test_only_o():
    found = score(
        np.ones((3, 1), dtype=np.float32),
        np.zeros(3, dtype=np.int64),
        ("O",),
        np.array([1, 2]),
        weights=np.ones((2, 2)),
    )
    assert [s.values["n"] for s in found] == [3, 0, 0]
    assert found[0].values["accuracy"] == found[0].values["confidence"] == 1
    assert found[0].values["f1"] == 0
    assert per_type(np.ones((3, 1)), np.zeros(3, dtype=np.int64), ("O",), np.array([1, 2])) == []


def test_resamples_that_miss_the_one_span_are_left_out():
    gold, lengths = np.array([B_PER, OUT, OUT, OUT]), np.array([1, 1, 1, 1])
    span = score_all(logits_of(gold), gold, lengths, n_resamples=50)["span"]
    missed = np.isnan(span.samples["accuracy"])
    assert 0 < missed.sum() < 50
    assert as_record(span)["accuracy_low"] == 1
    assert (span.samples["f1"][missed] == 0).all()


def test_a_certain_and_wrong_span_costs_what_the_clip_allows():
    span = score_all(logits_of([B_LOC], gap=1000), np.array([OUT]), np.array([1]))["span"]
    assert span.values["confidence"] == 1
    assert span.values["nll"] == pytest.approx(-np.log(1e-12), rel=1e-4)
    assert span.values["brier"] == 1


def test_adjacent_spans_and_a_span_at_the_very_end():
    predicted = [B_PER, B_PER, I_PER, B_LOC]
    logits = logits_of(predicted) * np.array([[1], [2], [3], [4]], dtype=np.float32)
    span = score_all(logits, np.array(predicted), np.array([4]), n_bins=1)["span"]
    c = softmax(logits).max(axis=1)
    assert span.bins[0] == pytest.approx([3, c[0] + c[1] * c[2] + c[3], 3])


def test_mce30_looks_only_at_bins_of_thirty():
    right = logits_of([OUT] * 40, gap=5)
    odd = logits_of([OUT], gap=1.5)
    gold = np.array([OUT] * 40 + [B_PER])
    word = score_all(np.concatenate([right, odd]), gold, np.array([40, 1]))["word"]
    confidence = softmax(right)[0].max()
    assert word.values["mce"] == pytest.approx(softmax(odd).max())
    assert word.values["mce30"] == pytest.approx(1 - confidence)


def test_counts_stay_whole_in_resamples_of_a_large_split():
    logits, gold, lengths = random_stage(17, n_sentences=8000)
    weights = resample_weights(8000, 3)
    word = score(logits, gold, LABELS, lengths, weights=weights)[0]
    n = weights.astype(np.int64) @ lengths
    hits = word.samples["accuracy"] * n
    np.testing.assert_allclose(hits, hits.round(), atol=1e-8)


# --- errors -----------------------------------------------------------------------------------------------------------


def bad(**changes):
    good = {
        "logits": np.zeros((3, 5), dtype=np.float32),
        "gold": np.zeros(3, dtype=np.int64),
        "labels": LABELS,
        "lengths": np.array([1, 2]),
        "weights": np.ones((4, 2), dtype=np.float32),
    }
    return good | changes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"logits": np.zeros((3, 4))}, r"logits must have shape \(n_words, K\) = \(3, 5\), got \(3, 4\)"),
        ({"logits": np.zeros((2, 5))}, "logits must have shape"),
        ({"logits": np.full((3, 5), np.nan)}, "logits must be finite, got nan"),
        ({"logits": np.full((3, 5), -np.inf)}, "logits must be finite, got -inf"),
        ({"lengths": np.array([1, 1])}, "one per word"),
        ({"gold": np.array([0, 5, 0])}, r"tags must be in \[0, 5\)"),
        ({"gold": np.array([0, -100, 0])}, r"tags must be in \[0, 5\)"),
        ({"weights": np.ones((4, 3))}, r"weights must have shape \(R, 2\)"),
        ({"weights": np.ones(2)}, r"weights must have shape \(R, 2\)"),
        ({"temperature": 0}, "temperature must be a positive number"),
        ({"n_bins": 0}, "n_bins must be at least 1"),
        ({"labels": ("O", "PER", "I-PER", "B-LOC", "I-LOC")}, "labels must be"),
    ],
)
def test_what_does_not_fit(changes, message):
    with pytest.raises(ValueError, match=message):
        score(**bad(**changes))


def test_differences_need_the_same_unit_and_resamples():
    logits, gold, lengths = random_stage(18)
    few, more = score_all(logits, gold, lengths, n_resamples=5), score_all(logits, gold, lengths, n_resamples=6)
    with pytest.raises(ValueError, match="must share unit and resamples"):
        difference(few["word"], few["span"])
    with pytest.raises(ValueError, match="must share unit and resamples, got word, 5 and word, 6"):
        difference(few["word"], more["word"])
