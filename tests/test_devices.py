import subprocess
import sys

import pytest
import torch

from pipeline.devices import choose_device, use_bf16
from pipeline.errors import PipelineError


@pytest.mark.parametrize(
    ("wanted", "gpu", "expected"),
    [
        ("auto", True, "cuda"),
        ("auto", False, "cpu"),
        ("cpu", True, "cpu"),
        ("cpu", False, "cpu"),
        ("cuda", True, "cuda"),
    ],
)
def test_the_device_is_a_gpu_where_there_is_one(monkeypatch, wanted, gpu, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    assert choose_device(wanted) == expected


def test_a_gpu_that_is_not_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(PipelineError, match=r"device: expected a CUDA device, found none; use --device cpu"):
        choose_device("cuda")


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_precision_is_what_is_asked_for(device):
    assert use_bf16("bf16", device)
    assert not use_bf16("fp32", device)


@pytest.mark.parametrize(("avx", "amx"), [(False, False), (True, False), (False, True)])
def test_auto_takes_bf16_where_the_processor_multiplies_it(monkeypatch, avx, amx):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    assert use_bf16("auto", "cpu") is (avx or amx)


@pytest.mark.parametrize("supported", [True, False])
def test_auto_takes_bf16_where_the_gpu_does_not_emulate_it(monkeypatch, supported):
    def answer(including_emulation=True):
        return including_emulation or supported

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", answer)
    assert use_bf16("auto", "cuda") is supported


def test_the_real_processor_answers():
    assert use_bf16("auto", "cpu") in (True, False)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_real_gpu_answers():
    assert choose_device("auto") == "cuda"
    assert use_bf16("auto", "cuda") in (True, False)


def test_saving_and_loading_show_nothing(tmp_path):
    """In a process of its own, since what it quietens is global."""
    script = """
import sys
from transformers import AutoModelForTokenClassification, BertConfig, BertModel
from pipeline.devices import quiet_libraries
quiet_libraries()
config = BertConfig(vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
BertModel(config).save_pretrained(sys.argv[1])
AutoModelForTokenClassification.from_pretrained(sys.argv[1])
"""
    done = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""
