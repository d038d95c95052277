"""What several test files share. No test may reach the hub."""

import os
import shutil
import signal

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"  # read when transformers is imported, so before any test module does
os.environ.setdefault("OMP_NUM_THREADS", "1")  # the tests' tensors are too small for threads to gain anything

# Where a script starts the tests in the background, Ctrl-C is ignored, and so it would be in all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def smoke(tmp_path_factory):
    """A finished run of the smoke experiment; tests that change it copy it first."""
    from command_line import pipeline

    folder = tmp_path_factory.mktemp("runs") / "smoke"
    pipeline("run", "smoke", "--run", folder)
    return folder


@pytest.fixture
def copied(smoke, tmp_path):
    return shutil.copytree(smoke, tmp_path / "smoke")


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    """Commands in processes of their own."""
    from forked import commands

    with commands(tmp_path_factory.mktemp("logs")) as shell:
        yield shell


@pytest.fixture
def tiny_classifier():
    """A two-layer BERT with random weights, no dropout, and a WordPiece tokenizer that splits most words."""
    from pipeline.config_tables import Scratch
    from pipeline.encoders import from_scratch

    words = ["Ann", "Lee", "flew", "from", "Rome", "to", "Oslo", "on", "Monday", ",", "said", "Reuters", "."]
    settings = Scratch(layers=2, hidden=16, heads=2, vocabulary=60, dropout=0.0)
    return from_scratch(settings, words, ("O", "B-PER", "I-PER"), seed=0)


@pytest.fixture(scope="session")
def tiny_tokenizers():
    """Tokenizers of the three kinds that encoders have, each with its own special pieces."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    from pipeline.encoders import train_wordpiece

    words = ["Ann", "Lee", "flew", "from", "Rome", "to", "Oslo", "on", "Monday", ",", "said", "Reuters", "'", "news"]
    words += ["(", "U.S.", ")", "in", "1996-08-22", "."]
    byte_level = Tokenizer(models.BPE())
    byte_level.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    byte_level.decoder = decoders.ByteLevel()
    byte_level.train_from_iterator(
        [" " + " ".join(words)] * 3,
        trainers.BpeTrainer(
            vocab_size=300,
            special_tokens=["<s>", "<pad>", "</s>", "<unk>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    byte_level.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    unigram = Tokenizer(models.Unigram())
    unigram.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<unk>", "<pad>", "<sep>", "<cls>"]
    unigram.train_from_iterator(
        words, trainers.UnigramTrainer(vocab_size=80, special_tokens=special, unk_token="<unk>", show_progress=False)
    )
    unigram.post_processor = processors.TemplateProcessing(
        single="$A <sep> <cls>", special_tokens=[("<sep>", 2), ("<cls>", 3)]
    )
    named = {"pad_token": "<pad>", "unk_token": "<unk>"}
    return {
        "WordPiece": train_wordpiece(words, 60),
        "byte-level BPE": PreTrainedTokenizerFast(tokenizer_object=byte_level, **named),
        "Unigram": PreTrainedTokenizerFast(tokenizer_object=unigram, **named),
    }
