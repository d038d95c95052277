import numpy as np
import pytest
import torch

from pipeline import prediction
from pipeline.corpus import Sentence
from pipeline.encoding import encode
from pipeline.models import head
from pipeline.prediction import predict_hidden_states, predict_word_logits

WORDS = ["Ann", "Lee", "flew", "from", "Rome", "to", "Oslo", "on", "Monday", "\u200b", "Reuters", "."]


@pytest.fixture
def sentences():
    rng = np.random.default_rng(0)
    return [Sentence(tuple(rng.choice(WORDS, n)), ("O",) * n) for n in rng.integers(1, 30, 40)]


def one_sentence_at_a_time(classifier, sentences):
    """Word logits by the library's own means: no windows, no padding."""
    rows = []
    for sentence in sentences:
        words = [word.replace("\u200b", "[UNK]") for word in sentence.words]
        encoded = classifier.tokenizer(words, is_split_into_words=True, return_tensors="pt")
        ids = encoded.word_ids()
        with torch.no_grad():
            logits = classifier.model(**encoded).logits[0]
        rows += [logits[ids.index(k)] for k in range(len(words))]
    return torch.stack(rows).numpy()


def predict(classifier, windows, on_progress=None):
    return predict_word_logits(classifier.model, windows, classifier.padding, on_progress)


def test_rows_of_each_word_in_order(tiny_classifier, sentences):
    tiny_classifier.model.eval()
    expected = one_sentence_at_a_time(tiny_classifier, sentences)
    found = predict(tiny_classifier, encode(sentences, tiny_classifier.tokenizer, 512))
    assert found.dtype == np.float32
    assert found.shape == (sum(len(s.words) for s in sentences), 3)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.ptp(expected, axis=0).min() > 1e-2, "rows differ, so a wrong order would show"


@pytest.mark.parametrize("pieces", [1, 64, 300, 10**6])
def test_the_batch_does_not_matter(tiny_classifier, sentences, monkeypatch, pieces):
    windows = encode(sentences, tiny_classifier.tokenizer, 32)
    assert len(windows) > len(sentences)
    expected = predict(tiny_classifier, windows)
    monkeypatch.setitem(prediction.BATCH_PIECES, "cpu", pieces)
    np.testing.assert_allclose(predict(tiny_classifier, windows), expected, atol=1e-5)


def test_batches_stay_within_their_pieces(tiny_classifier, sentences, monkeypatch):
    sizes = []
    tiny_classifier.model.register_forward_pre_hook(
        lambda module, args, kwargs: sizes.append(kwargs["input_ids"].shape), with_kwargs=True
    )
    monkeypatch.setitem(prediction.BATCH_PIECES, "cpu", 300)
    predict(tiny_classifier, encode(sentences, tiny_classifier.tokenizer, 128))
    assert all(rows * length <= 300 or rows == 1 for rows, length in sizes)
    assert max(rows for rows, _ in sizes) > 4


def test_dropout_is_off_and_stays_off(tiny_classifier, sentences):
    windows = encode(sentences, tiny_classifier.tokenizer, 64)
    tiny_classifier.model.dropout.p = 0.5
    tiny_classifier.model.train()
    first = predict(tiny_classifier, windows)
    assert not tiny_classifier.model.training
    np.testing.assert_array_equal(predict(tiny_classifier, windows), first)


def test_progress_counts_words(tiny_classifier, sentences):
    calls = []
    n_words = sum(len(s.words) for s in sentences)
    predict(tiny_classifier, encode(sentences, tiny_classifier.tokenizer, 64), lambda *call: calls.append(call))
    done = [call[0] for call in calls]
    assert done == sorted(done)
    assert done[-1] == n_words
    assert {call[1] for call in calls} == {n_words}
    assert calls[-1][2].endswith(" words/s")


def test_a_split_without_words(tiny_classifier):
    with pytest.raises(ValueError, match="at least one word"):
        predict(tiny_classifier, encode([], tiny_classifier.tokenizer, 64))


def hidden_states(classifier, windows, on_progress=None):
    return predict_hidden_states(classifier.model, head(classifier.model), windows, classifier.padding, on_progress)


def test_hidden_states_are_what_the_head_reads(tiny_classifier, sentences):
    windows = encode(sentences, tiny_classifier.tokenizer, 32)
    found, last = hidden_states(tiny_classifier, windows), head(tiny_classifier.model)
    assert found.dtype == np.float32
    assert found.shape == (sum(len(s.words) for s in sentences), 16)
    logits = found @ last.weight.detach().numpy().T + last.bias.detach().numpy()
    np.testing.assert_allclose(logits, predict(tiny_classifier, windows), atol=1e-5)


def test_hidden_states_are_the_last_layers_first_pieces(tiny_classifier, sentences):
    """As the library gives them, for one sentence at a time."""
    tiny_classifier.model.eval()
    found = hidden_states(tiny_classifier, encode(sentences, tiny_classifier.tokenizer, 512))
    row = 0
    for sentence in sentences[:10]:
        words = [word.replace("\u200b", "[UNK]") for word in sentence.words]
        encoded = tiny_classifier.tokenizer(words, is_split_into_words=True, return_tensors="pt")
        with torch.no_grad():
            states = tiny_classifier.model(**encoded, output_hidden_states=True).hidden_states[-1][0].numpy()
        for k in range(len(words)):
            np.testing.assert_allclose(found[row], states[encoded.word_ids().index(k)], atol=1e-5)
            row += 1


def test_no_hook_stays_on_the_head(tiny_classifier, sentences):
    windows = encode(sentences, tiny_classifier.tokenizer, 64)

    def stop(*_):
        raise KeyboardInterrupt

    hidden_states(tiny_classifier, windows)
    with pytest.raises(KeyboardInterrupt):
        hidden_states(tiny_classifier, windows, stop)
    assert not head(tiny_classifier.model)._forward_pre_hooks


def test_bf16_is_for_the_encoder_and_not_for_the_head(tiny_classifier, sentences):
    windows = encode(sentences, tiny_classifier.tokenizer, 512)
    model, padding = tiny_classifier.model, tiny_classifier.padding
    exact, found = predict(tiny_classifier, windows), predict_word_logits(model, windows, padding, bf16=True)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, exact, atol=0.02 * np.abs(exact).max())
    assert np.abs(found - exact).max() > 0
    rounded = torch.from_numpy(found).bfloat16().float().numpy()
    assert np.mean(rounded != found) > 0.9, "logits are not rounded to bf16"
    np.testing.assert_array_equal(predict(tiny_classifier, windows), exact)
    assert not head(model)._forward_pre_hooks


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("bf16", [False, True])
def test_a_gpu_gives_the_same_rows_and_is_not_waited_for(tiny_classifier, sentences, bf16):
    windows = encode(sentences, tiny_classifier.tokenizer, 512)
    expected = predict(tiny_classifier, windows)
    tiny_classifier.model.to("cuda")
    waits = []

    def watch(done, total, _):
        torch.cuda.set_sync_debug_mode("error" if done < total else "default")
        waits.append(done)

    found = predict_word_logits(tiny_classifier.model, windows, tiny_classifier.padding, watch, bf16=bf16)
    np.testing.assert_allclose(found, expected, atol=(0.02 if bf16 else 1e-4) * np.abs(expected).max())
    assert waits[-1] == len(expected)
