import json

import pytest
from command_line import pipeline


@pytest.mark.parametrize("against", [False, True])
def test_every_kind_of_work_is_timed(tmp_path, against):
    flags = ["--against", "trainer"] if against else []
    few = ["--sentences", 64, "--repeats", 2]
    done = pipeline("bench", "--config", "smoke", "--run", tmp_path / "run", "--json", *few, *flags)
    records = {record["work"]: record for record in json.loads(done.stdout)}
    ours = ["teach", "distill, forward KL", "distill, alternating KL", "predict, teacher", "predict, student",
            "evaluate a stage"]  # fmt: skip
    peers = ["stock Trainer", "online distillation", "transformers.pipeline"]
    assert list(records) == ours + (peers if against else [])
    for record in records.values():
        assert len(record["seconds"]) == 2
        assert min(record["seconds"]) > 0
        assert record["words_per_second_low"] <= record["words_per_second"] <= record["words_per_second_high"]
    if against:
        assert [records[peer]["beside"] for peer in peers] == ["teach", "distill, forward KL", "predict, student"]
        assert records["transformers.pipeline"]["same_tags"] == 1
        assert records["stock Trainer"]["padding"] > records["teach"]["padding"]
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["config.toml", "data"]


def test_whole_teachers_are_compared_with_the_stock_trainers(tmp_path):
    flags = ["--config", "smoke", "--run", tmp_path / "run", "--against", "trainer", "--seeds", 2]
    done = pipeline("bench", *flags, "--set", "prepare.noise.rate=0", "--set", "teach.epochs=6", "--json")
    records = json.loads(done.stdout)
    assert [record["seed"] for record in records] == [0, 1]
    for record in records:
        assert min(record["seconds"], record["stock_seconds"]) > 0
        assert min(record["ece"], record["stock_ece"]) >= 0
    assert len({record["ece"] for record in records} | {record["stock_ece"] for record in records}) == 4


def test_seeds_without_a_peer(tmp_path):
    done = pipeline("bench", "--config", "smoke", "--run", tmp_path / "run", "--seeds", 2, code=1)
    assert done.stderr.endswith("--seeds: expected a peer to compare with, found none; add --against trainer\n")
