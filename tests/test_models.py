import copy
import json
import re

import pytest
import torch
from transformers import (
    AlbertConfig,
    AutoModel,
    AutoModelForTokenClassification,
    AutoTokenizer,
    BertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    ModernBertConfig,
    RobertaConfig,
    pipeline,
)

from pipeline import models
from pipeline.errors import PipelineError
from pipeline.models import Classifier, choose_layers, head, keep_layers, n_layers

LABELS = ["O", "B-PER", "I-PER"]
SHARED = {
    "vocab_size": 50,
    "pad_token_id": 0,
    "id2label": dict(enumerate(LABELS)),
    "label2id": {label: i for i, label in enumerate(LABELS)},
}
SIZES = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}
CONFIGS = {
    "BERT": BertConfig(**SHARED, **SIZES, num_hidden_layers=4),
    "DistilBERT": DistilBertConfig(**SHARED, dim=16, n_heads=2, hidden_dim=32, n_layers=4),
    "RoBERTa": RobertaConfig(**SHARED, **SIZES, num_hidden_layers=4),
    "ELECTRA": ElectraConfig(**SHARED, **SIZES, embedding_size=8, num_hidden_layers=4),
    "ModernBERT": ModernBertConfig(
        **SHARED, **SIZES, num_hidden_layers=4, local_attention=4, bos_token_id=1, eos_token_id=2,
        cls_token_id=1, sep_token_id=2,
    ),
    "DeBERTa-v2": DebertaV2Config(
        **SHARED, **SIZES, num_hidden_layers=4, relative_attention=True, position_buckets=4,
        pos_att_type=["p2c", "c2p"],
    ),
}  # fmt: skip
LAYER = re.compile(r"(.*\.layers?\.)(\d+)(\..*)")


@pytest.fixture(params=CONFIGS)
def teacher(request):
    torch.manual_seed(0)
    model = AutoModelForTokenClassification.from_config(CONFIGS[request.param]).eval()
    with torch.no_grad():
        for weight in model.parameters():  # biases and scales start alike in all layers, which would hide a mistake
            weight += 0.05 * torch.randn_like(weight)
    return model


def logits(model):
    pieces = torch.arange(3, 27).reshape(2, 12)
    with torch.no_grad():
        return model.eval()(input_ids=pieces, attention_mask=torch.ones_like(pieces)).logits


def without_layers(model, layers):
    """The model with the others of its layers taken out of it in memory."""
    cut = copy.deepcopy(model)
    (path,) = {match[1] for name, _ in model.named_parameters() if (match := LAYER.match(name))}
    parent, _, name = path.rstrip(".").rpartition(".")
    found = getattr(cut.get_submodule(parent), name)
    setattr(cut.get_submodule(parent), name, torch.nn.ModuleList(found[i] for i in layers))
    return cut


# --- which layers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("total", "wanted", "expected"),
    [
        (6, 1, [0]),
        (6, 2, [0, 5]),
        (6, 3, [0, 2, 5]),
        (6, 6, [0, 1, 2, 3, 4, 5]),
        (12, 4, [0, 3, 7, 11]),
        (12, 6, [0, 2, 4, 6, 8, 11]),
        (1, 1, [0]),
        (6, [1, 4], [1, 4]),
        (6, [5], [5]),
    ],
)
def test_layers_that_are_kept(total, wanted, expected):
    assert choose_layers(total, wanted) == expected


def test_a_number_of_layers_gives_that_many_from_first_to_last():
    for total in range(1, 30):
        for wanted in range(1, total + 1):
            kept = choose_layers(total, wanted)
            assert len(kept) == len(set(kept)) == wanted
            assert kept == sorted(kept)
            assert kept[0] == 0
            assert wanted == 1 or kept[-1] == total - 1


@pytest.mark.parametrize("wanted", [7, [], [0, 6], [-1, 2], [2, 1], [1, 1]])
def test_layers_that_are_not_there(wanted):
    with pytest.raises(PipelineError, match=r"distill\.layers: expected .*, found ") as caught:
        choose_layers(6, wanted)
    assert "\n" not in str(caught.value)


# --- a model with fewer of them ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("layers", [[0], [0, 3], [0, 1, 3]])
def test_kept_weights_are_the_teachers(teacher, layers):
    student = keep_layers(teacher, layers)
    theirs, ours = teacher.state_dict(), student.state_dict()
    kept = set()
    for name, weight in ours.items():
        match = LAYER.match(name)
        source = f"{match[1]}{layers[int(match[2])]}{match[3]}" if match else name
        assert torch.equal(weight, theirs[source]), name
        kept.add(source)
    left_out = {match[2] for name in set(theirs) - kept if (match := LAYER.match(name))}
    assert left_out == {str(i) for i in range(4)} - {str(i) for i in layers}
    assert all(LAYER.match(name) for name in set(theirs) - kept)
    assert n_layers(student) == len(layers)
    assert student.config.id2label == teacher.config.id2label


def test_all_layers_give_the_same_logits(teacher):
    torch.testing.assert_close(logits(keep_layers(teacher, [0, 1, 2, 3])), logits(teacher), rtol=0, atol=0)


def test_logits_are_those_of_the_model_without_the_other_layers(teacher):
    expected = logits(without_layers(teacher, [0, 2]))
    torch.testing.assert_close(logits(keep_layers(teacher, [0, 2])), expected)
    assert (expected - logits(teacher)).abs().max() > 1e-3


def test_a_student_is_a_copy(teacher):
    before = logits(teacher)
    student = keep_layers(teacher, [0, 3])
    with torch.no_grad():
        for weight in student.parameters():
            weight.zero_()
    torch.testing.assert_close(logits(teacher), before, rtol=0, atol=0)
    assert n_layers(teacher) == 4


def test_a_student_survives_the_disk(teacher, tmp_path):
    student = keep_layers(teacher, [0, 3])
    student.save_pretrained(tmp_path)
    found = AutoModelForTokenClassification.from_pretrained(tmp_path)
    torch.testing.assert_close(logits(found), logits(student), rtol=0, atol=0)


def test_modernbert_keeps_the_reach_of_each_layer():
    model = AutoModelForTokenClassification.from_config(CONFIGS["ModernBERT"])
    reach = model.config.layer_types
    assert len(set(reach)) == 2
    assert keep_layers(model, [0, 2, 3]).config.layer_types == [reach[0], reach[2], reach[3]]


def test_modernbert_cannot_start_in_the_middle():
    model = AutoModelForTokenClassification.from_config(CONFIGS["ModernBERT"])
    with pytest.raises(PipelineError, match=r"^distill\.layers: ModernBert\w+ cannot start with its layer 1; [^\n]*$"):
        keep_layers(model, [1, 2])


def test_an_architecture_without_a_list_of_layers():
    config = AlbertConfig(**SHARED, **SIZES, num_hidden_layers=4, embedding_size=8)
    with pytest.raises(PipelineError, match=r"^Albert\w+: expected one list of 4 layers, found 0; [^\n]*$"):
        keep_layers(AutoModelForTokenClassification.from_config(config), [0, 3])


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_saved_classifier_gives_the_same_logits(tiny_classifier, tmp_path):
    tiny_classifier.save(tmp_path)
    found = models.load(tmp_path)
    torch.testing.assert_close(logits(found.model), logits(tiny_classifier.model), rtol=0, atol=0)
    words = ["Ann", "flew", "\u200b", "x" * 50]
    encoded = [c.tokenizer(words, is_split_into_words=True)["input_ids"] for c in (found, tiny_classifier)]
    assert encoded[0] == encoded[1]
    assert found.padding == tiny_classifier.padding


def test_loaded_weights_are_float32(tiny_classifier, tmp_path):
    Classifier(tiny_classifier.model.bfloat16(), tiny_classifier.tokenizer).save(tmp_path)
    assert {weight.dtype for weight in models.load(tmp_path).model.parameters()} == {torch.float32}


def test_the_library_reads_what_was_saved(tiny_classifier, tmp_path):
    tiny_classifier.save(tmp_path)
    model = AutoModelForTokenClassification.from_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    torch.testing.assert_close(logits(model), logits(tiny_classifier.model), rtol=0, atol=0)
    assert tokenizer("Ann flew")["input_ids"] == tiny_classifier.tokenizer("Ann flew")["input_ids"]
    assert model.config.id2label == {0: "O", 1: "B-PER", 2: "I-PER"}
    find = pipeline("token-classification", model=str(tmp_path), device="cpu", ignore_labels=[])
    found = find("Ann flew to Rome")
    assert {entity["entity"] for entity in found} <= set(LABELS)
    assert [found[0]["start"], found[-1]["end"]] == [0, len("Ann flew to Rome")]


def test_nothing_saved_is_a_pickle(tiny_classifier, tmp_path):
    tiny_classifier.save(tmp_path)
    files = {path.name: path for path in tmp_path.iterdir()}
    assert set(files) == {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    for name, path in files.items():
        if path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        else:
            assert path.read_bytes()[8:9] == b"{", f"{name} begins like no safetensors file"


# --- the head


def test_the_head_turns_what_it_reads_into_the_scores(teacher):
    read = []
    head(teacher).register_forward_pre_hook(lambda _, inputs: read.append(inputs[0]))
    scores = logits(teacher)
    torch.testing.assert_close(read[0] @ head(teacher).weight.T + head(teacher).bias, scores)


def test_a_model_without_a_head():
    with pytest.raises(PipelineError, match=r"^BertModel: expected a linear layer of 3 labels .*, found Linear"):
        head(AutoModel.from_config(CONFIGS["BERT"]))
