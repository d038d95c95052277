"""What is measured against does what it says: otherwise a ratio would mean nothing."""

import copy

import numpy as np
import pytest
import torch
from test_trainer import WORDS, classifier, settings, split

from pipeline import peers
from pipeline.corpus import Sentence
from pipeline.encoding import encode
from pipeline.models import Classifier
from pipeline.prediction import predict_word_logits


def mean_loss(start, train):
    logits = torch.from_numpy(predict_word_logits(start.model, train.windows, start.padding))
    return torch.nn.functional.cross_entropy(logits, train.signals["tags"]).item()


def learnable(start):
    train = split(start.tokenizer, 200)
    pieces = [w.pieces[p] for w in train.windows for p in w.positions]
    train.signals["tags"] = torch.tensor(pieces) % 3
    return train


def test_the_stock_trainer_learns_the_tags():
    start = classifier()
    train = learnable(start)
    before = mean_loss(start, train)
    done = peers.fit(start, train.windows, train.signals["tags"].tolist(), settings(learning_rate=0.02), seed=0,
                     device="cpu")  # fmt: skip
    assert mean_loss(start, train) < before / 2
    assert done.seconds > 0
    assert 0.1 < done.padding < 0.8, "random batches of 1 to 19 words are padded"


def test_online_distillation_learns_from_the_teacher_and_not_the_tags():
    teacher = classifier()
    with torch.no_grad():
        teacher.model.classifier.weight *= 50
    train = split(teacher.tokenizer, 200)
    student = Classifier(copy.deepcopy(teacher.model), teacher.tokenizer)
    with torch.no_grad():
        student.model.classifier.weight *= -1
    wanted = predict_word_logits(teacher.model, train.windows, teacher.padding).argmax(-1)

    def agreement():
        return np.mean(predict_word_logits(student.model, train.windows, student.padding).argmax(-1) == wanted)

    assert agreement() < 0.5
    peers.fit(student, train.windows, [0] * len(wanted), settings(learning_rate=0.02), seed=0, device="cpu",
              teacher=teacher.model)  # fmt: skip
    assert agreement() > 0.8


@pytest.mark.parametrize("sentences", [1, 30])
def test_the_librarys_tagger_gives_our_tags(tiny_classifier, sentences):
    rng = np.random.default_rng(0)
    texts = [Sentence(tuple(rng.choice(WORDS, n)), ("O",) * n) for n in rng.integers(1, 20, sentences)]
    logits = predict_word_logits(
        tiny_classifier.model, encode(texts, tiny_classifier.tokenizer, 512), tiny_classifier.padding
    )
    names = tiny_classifier.model.config.id2label
    assert peers.tag(tiny_classifier, texts, "cpu") == [names[k] for k in logits.argmax(-1)]
