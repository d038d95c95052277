import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
import torch
from huggingface_hub.errors import RepositoryNotFoundError
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import BertModel, PreTrainedTokenizerFast, RobertaTokenizer

from pipeline import encoder_files
from pipeline.config_tables import Scratch
from pipeline.encoder_files import encoder_identity, find_encoder
from pipeline.encoders import from_scratch, pretrained, start
from pipeline.errors import PipelineError
from pipeline.models import load

LABELS = ("O", "B-PER", "I-PER")
WORDS = ["Ann", "Lee", "flew", "from", "Rome", "to", "Oslo", "on", "Monday", "."]
SETTINGS = Scratch(layers=1, hidden=16, heads=2, vocabulary=60)
OLD, NEW = "a" * 40, "b" * 40


@pytest.fixture
def folder(tmp_path):
    """An encoder without a head, as one from the hub is."""
    start = from_scratch(SETTINGS, WORDS, LABELS, seed=0)
    BertModel(start.model.config).save_pretrained(tmp_path / "tiny")
    start.tokenizer.save_pretrained(tmp_path / "tiny")
    return tmp_path / "tiny"


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("touched the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """An empty cache, a library that would go online, and no answer remembered from another test."""
    encoder_files.hub_source.cache_clear()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    yield tmp_path / "cache"
    encoder_files.hub_source.cache_clear()


def hub_says(monkeypatch, answer):
    def model_info(self, name, *, timeout):
        if isinstance(answer, Exception):
            raise answer
        return SimpleNamespace(sha=answer)

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", model_info)


def in_cache(cache, folder, commit, *, newest=True):
    """Put a folder into the hub's cache as a commit of org/tiny."""
    repository = cache / "models--org--tiny"
    shutil.copytree(folder, repository / "snapshots" / commit)
    (repository / "refs").mkdir(exist_ok=True)
    if newest:
        (repository / "refs" / "main").write_text(commit)


def complaint(function, *args):
    began = time.monotonic()
    with pytest.raises(PipelineError) as caught:
        function(*args)
    assert time.monotonic() - began < 5
    assert "\n" not in str(caught.value)
    return str(caught.value)


def fingerprint(classifier):
    """Hashes of the weights and of the tokenizer."""
    weights = b"".join(weight.numpy().tobytes() for weight in classifier.model.state_dict().values())
    tokenizer = classifier.tokenizer.backend_tokenizer.to_str().encode()
    return hashlib.sha256(weights).hexdigest(), hashlib.sha256(tokenizer).hexdigest()


# --- from scratch -----------------------------------------------------------------------------------------------------


def test_scratch_is_what_the_config_says():
    classifier = start("scratch", Scratch(layers=3, hidden=12, heads=3, vocabulary=50, dropout=0.3), WORDS, LABELS, 0)
    config = classifier.model.config
    assert (config.num_hidden_layers, config.hidden_size, config.num_attention_heads) == (3, 12, 3)
    assert (config.hidden_dropout_prob, config.attention_probs_dropout_prob) == (0.3, 0.3)
    assert config.vocab_size == len(classifier.tokenizer) < 100
    assert config.id2label == dict(enumerate(LABELS))
    assert config.label2id == {"O": 0, "B-PER": 1, "I-PER": 2}
    assert classifier.padding == config.pad_token_id == 0
    assert classifier.tokenizer.model_max_length == config.max_position_embeddings
    assert classifier.tokenizer.tokenize("Rome") != classifier.tokenizer.tokenize("rome"), "case counts"
    assert encoder_identity("scratch") == {}


def test_scratch_is_a_function_of_words_and_seed():
    first = fingerprint(from_scratch(SETTINGS, WORDS, LABELS, seed=0))
    torch.rand(7)  # whatever drew random numbers before
    assert fingerprint(from_scratch(SETTINGS, iter(WORDS), LABELS, seed=0)) == first
    other = fingerprint(from_scratch(SETTINGS, WORDS, LABELS, seed=1))
    assert other[0] != first[0]
    assert other[1] == first[1]


def test_scratch_is_the_same_in_another_process():
    script = "from test_encoders import *; print(*fingerprint(from_scratch(SETTINGS, WORDS, LABELS, seed=0)))"
    tests = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tests), str(tests.parent)]), "PYTHONHASHSEED": "1"},
    )  # fmt: skip
    assert tuple(done.stdout.split()) == fingerprint(from_scratch(SETTINGS, WORDS, LABELS, seed=0))


# --- a local folder ---------------------------------------------------------------------------------------------------


def test_a_folder_never_touches_the_network(folder, no_network):
    classifier = start(str(folder), SETTINGS, WORDS, LABELS, 0)
    saved = BertModel.from_pretrained(folder).state_dict()
    for name, weight in classifier.model.base_model.state_dict().items():
        assert torch.equal(weight, saved[name]), name
    assert {weight.dtype for weight in classifier.model.parameters()} == {torch.float32}
    assert classifier.model.config.id2label == dict(enumerate(LABELS))
    encoder_identity(str(folder))


def test_a_new_head_is_a_function_of_the_seed(folder):
    heads = [pretrained(str(folder), LABELS, seed).model.classifier.weight for seed in (0, 0, 1)]
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])


def test_a_head_for_other_labels_is_replaced(tmp_path):
    from_scratch(SETTINGS, WORDS, LABELS, seed=0).save(tmp_path)
    labels = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    first, second = (pretrained(str(tmp_path), labels, 0).model for _ in range(2))
    assert first.classifier.weight.shape == (5, 16)
    assert torch.equal(first.classifier.weight, second.classifier.weight)
    assert list(first.config.id2label.values()) == list(labels)


def test_identity_changes_with_a_byte_of_the_weights(folder):
    before = encoder_identity(str(folder))
    assert set(before) == {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    moved = folder.rename(folder.with_name("elsewhere"))
    assert encoder_identity(str(moved)) == before
    weights = moved / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + bytes([weights.read_bytes()[-1] ^ 1]))
    after = encoder_identity(str(moved))
    assert {name for name in before if before[name] != after[name]} == {"model.safetensors"}


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_folder_without_one_of_its_files(folder, missing):
    (folder / missing).unlink()
    assert str(folder) in complaint(pretrained, str(folder), LABELS, 0)


@pytest.mark.parametrize("broken", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_folder_with_a_broken_file(folder, broken):
    (folder / broken).write_bytes(b"{")
    assert str(folder) in complaint(pretrained, str(folder), LABELS, 0)


def test_a_folder_without_any_tokenizer(folder):
    for file in folder.glob("tokenizer*"):
        file.unlink()
    assert complaint(pretrained, str(folder), LABELS, 0).endswith("found one without a vocabulary; name another")


def test_a_tokenizer_that_cannot_pad(folder):
    tokenizer = from_scratch(SETTINGS, WORDS, LABELS, 0).tokenizer.backend_tokenizer
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]").save_pretrained(folder)
    assert complaint(pretrained, str(folder), LABELS, 0).endswith("found one without a padding piece; name another")


# --- byte-level tokenizers --------------------------------------------------------------------------------------------


def byte_level(*, split_first):
    """A byte-level BPE that, as RoBERTa's and ModernBERT's, puts no space before a text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if split_first:
        words = pre_tokenizers.Split(Regex(r" ?\w+|\S"), "isolated")
        last = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words, last])
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=330, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([" " + " ".join(WORDS)] * 3, trainer)
    ends = [("<s>", 0), ("</s>", 2)]
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    return tokenizer


def saved(folder, kind):
    backend = byte_level(split_first=kind == "split first")
    if kind == "RoBERTa":
        model = json.loads(backend.to_str())["model"]
        tokenizer = RobertaTokenizer(vocab=model["vocab"], merges=[tuple(merge) for merge in model["merges"]])
    else:
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>", unk_token="<unk>")
    for file in folder.glob("tokenizer*"):
        file.unlink()
    tokenizer.save_pretrained(folder)


@pytest.mark.parametrize("kind", ["RoBERTa", "generic", "split first"])
def test_byte_level_tokenizers_see_a_space_before_every_word(folder, kind, tmp_path):
    saved(folder, kind)
    classifier = pretrained(str(folder), LABELS, 0)

    def pieces(found):
        return found.tokenizer.convert_ids_to_tokens(found.tokenizer(WORDS, is_split_into_words=True)["input_ids"])

    raw = byte_level(split_first=kind == "split first").encode(" " + " ".join(WORDS))
    assert pieces(classifier) == raw.tokens, "words are read as in running text"
    classifier.save(tmp_path / "saved")
    assert pieces(load(tmp_path / "saved")) == raw.tokens
    assert pieces(pretrained(str(tmp_path / "saved"), LABELS, 0)) == raw.tokens, "no second space"


# --- a hub name -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [encoder_identity, lambda name: pretrained(name, LABELS, 0)])
def test_an_unknown_name_offline(hub, monkeypatch, function):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert "'org/tiny': neither a local folder" in complaint(function, "org/tiny")


@pytest.mark.parametrize("answers", ["refused", "silent", "no address"])
def test_an_unknown_name_without_a_network(hub, monkeypatch, answers):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if answers == "refused":
            server.close()
        host = "hub.invalid" if answers == "no address" else "127.0.0.1"
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", f"http://{host}:{port}")
        monkeypatch.setattr(encoder_files, "HUB_SECONDS", 0.3)
        for function in (encoder_identity, lambda name: pretrained(name, LABELS, 0)):
            assert "'org/tiny': neither a local folder" in complaint(function, "org/tiny")


@pytest.mark.parametrize("name", ["no such/../folder", "runs/a/b/model"])
def test_a_name_that_cannot_be_on_the_hub(hub, no_network, name):
    assert name in complaint(encoder_identity, name)


def test_a_name_that_the_hub_does_not_know(hub, no_network, monkeypatch, folder):
    in_cache(hub, folder, OLD)
    response = SimpleNamespace(headers={}, request=None)
    hub_says(monkeypatch, RepositoryNotFoundError("404 Client Error", response=response))
    assert "404" in complaint(encoder_identity, "org/tiny")


def test_the_cached_copy_where_the_hub_is_out_of_reach(hub, no_network, monkeypatch, folder):
    in_cache(hub, folder, NEW, newest=False)
    in_cache(hub, folder, OLD)
    hub_says(monkeypatch, ConnectionError())
    assert encoder_identity("org/tiny") == {"commit": OLD}
    found = pretrained("org/tiny", LABELS, 0).model.base_model.state_dict()
    expected = BertModel.from_pretrained(folder).state_dict()
    assert all(torch.equal(weight, expected[name]) for name, weight in found.items())


def test_the_commit_that_the_hub_names_is_loaded(hub, monkeypatch, folder):
    """Even if the hub moves on, or falls silent, between the two calls of one stage."""
    in_cache(hub, folder, OLD)
    (folder / "model.safetensors").unlink()
    BertModel(BertModel.from_pretrained(hub / f"models--org--tiny/snapshots/{OLD}").config).save_pretrained(folder)
    in_cache(hub, folder, NEW, newest=False)
    hub_says(monkeypatch, NEW)
    assert encoder_identity("org/tiny") == {"commit": NEW}
    hub_says(monkeypatch, OLD)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    found = pretrained("org/tiny", LABELS, 0).model.base_model.state_dict()
    expected = BertModel.from_pretrained(folder).state_dict()
    assert all(torch.equal(weight, expected[name]) for name, weight in found.items())


# --- the encoder that needs no hub ------------------------------------------------------------------------------------


def test_minilm_is_the_pinned_one(no_network):
    pytest.importorskip(encoder_files.MINILM_PACKAGE)
    assert set(encoder_files.MINILM_SHA256.items()) <= set(encoder_identity("minilm-l6").items())
    classifier = pretrained("minilm-l6", LABELS, 0)
    assert (classifier.model.config.num_hidden_layers, classifier.model.config.hidden_size) == (6, 384)
    assert classifier.tokenizer.tokenize("Rome") == ["rome"]


@pytest.fixture
def carrier(tmp_path, monkeypatch):
    """A package that carries other files under the names of minilm-l6."""
    (tmp_path / "carries_an_encoder" / "model").mkdir(parents=True)
    (tmp_path / "carries_an_encoder" / "__init__.py").touch()
    for file in encoder_files.MINILM_SHA256:
        (tmp_path / "carries_an_encoder" / "model" / file).write_text("{}")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(encoder_files, "MINILM_PACKAGE", "carries_an_encoder")
    return tmp_path / "carries_an_encoder" / "model"


@pytest.mark.parametrize("function", [find_encoder, encoder_identity, lambda name: pretrained(name, LABELS, 0)])
def test_minilm_with_other_files(carrier, function):
    found = complaint(function, "minilm-l6")
    assert f"{carrier / 'model.safetensors'}: expected sha256 53aa51172d14…" in found
    assert "reinstall the extra `offline`" in found


def test_minilm_with_a_file_missing(carrier, monkeypatch):
    pinned = {name: hashlib.sha256(b"{}").hexdigest() for name in encoder_files.MINILM_SHA256}
    monkeypatch.setattr(encoder_files, "MINILM_SHA256", pinned)
    assert find_encoder("minilm-l6") == str(carrier)
    (carrier / "tokenizer.json").unlink()
    assert "tokenizer.json" in complaint(find_encoder, "minilm-l6")


def test_minilm_without_its_package(monkeypatch):
    monkeypatch.setattr(encoder_files, "MINILM_PACKAGE", "a_package_that_is_not_installed")
    assert "with its extra `offline`" in complaint(find_encoder, "minilm-l6")
