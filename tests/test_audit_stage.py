"""`pipeline audit` as a user types it, on a corpus of a few sentences and a random two-layer model."""

import json
import shlex
import shutil
import tomllib

import numpy as np
import pytest
from command_line import pipeline

from pipeline.files import file_sha256
from pipeline.tag_schemes import ill_formed


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """A run with a teacher, its audit, and the corrected corpus."""
    folder = tmp_path_factory.mktemp("runs") / "smoke"
    pipeline("audit", "--config", "smoke", "--run", folder, "--stage", "teacher", "--apply")
    return folder


@pytest.fixture
def copied(smoke, tmp_path):
    return shutil.copytree(smoke, tmp_path / "smoke")


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def summary(folder):
    return json.loads((folder / "audit" / "summary.json").read_text())


def rewrite(stage, split, change):
    """Change every row of a split, and seal the stage over it."""
    rows = read(stage / f"{split}.jsonl")
    for row in rows:
        change(row)
    (stage / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    manifest = json.loads((stage / "stage.json").read_text())
    outputs = manifest["made_from"]["outputs"]
    manifest["made_from"]["outputs"] = {file: file_sha256(stage / file) for file in outputs}
    (stage / "stage.json").write_text(json.dumps(manifest))


def without(rows, key):
    return [{k: v for k, v in row.items() if k != key} for row in rows]


# --- what is written --------------------------------------------------------------------------------------------------


def test_the_probe_is_asked_unless_told_otherwise(tmp_path):
    pipeline("audit", "--config", "smoke", "--run", tmp_path / "run")
    assert sorted(p.name for p in (tmp_path / "run").iterdir() if p.is_dir()) == ["audit", "data", "probe"]
    assert summary(tmp_path / "run")["stage"] == "probe"


def test_it_makes_what_it_needs(smoke):
    folders = ["audit", "corrected", "data", "teacher"]
    assert sorted(p.name for p in smoke.iterdir() if p.is_dir()) == folders
    made_from = json.loads((smoke / "audit" / "stage.json").read_text())["made_from"]
    assert made_from["kind"] == "audit"
    assert made_from["config"] == {"stage": "teacher", "threshold": 0.5, "show": 200}
    assert {role: i["folder"] for role, i in made_from["inputs"].items()} == {"data": "data", "stage": "teacher"}
    assert set(made_from["outputs"]) == {
        *("words.jsonl", "entities.jsonl", "tags.jsonl", "summary.json", "curve.json", "audit.html"),
    }


def test_the_lists_are_of_this_corpus(smoke):
    rows, words = read(smoke / "data" / "train.jsonl"), read(smoke / "audit" / "words.jsonl")
    assert [w["rank"] for w in words] == list(range(1, len(words) + 1))
    probabilities = [w["probability"] for w in words]
    assert probabilities == sorted(probabilities, reverse=True)
    assert 0.5 <= probabilities[-1] <= probabilities[0] <= 1
    for w in words:
        row = rows[w["sentence"]]
        at = (row["words"][w["word"]], row["tags"][w["word"]], row["gold"][w["word"]])
        assert at == (w["text"], w["tag"], w["gold"])
    for e in read(smoke / "audit" / "entities.jsonl"):
        row = rows[e["sentence"]]
        assert " ".join(row["words"][e["start"] : e["end"]]) == e["text"]
        whole = {"start": e["start"], "end": e["end"], "type": e["type"]}
        assert (whole in e["given"]) == (e["claim"] == "wrong")
        assert whole in e["given" if e["claim"] == "wrong" else "suggested"]


def test_the_summary_counts_the_lists(smoke):
    found, words = summary(smoke), read(smoke / "audit" / "words.jsonl")
    wrong = [w["tag"] != w["gold"] for w in words]
    n_words = sum(len(row["words"]) for row in read(smoke / "data" / "train.jsonl"))
    assert (found["words"], found["listed_words"]) == (n_words, len(words))
    assert found["listed_entities"] == len(read(smoke / "audit" / "entities.jsonl"))
    assert found["gold"]["precision"] == pytest.approx(np.mean(wrong))
    assert found["gold"]["recall"] == pytest.approx(sum(wrong) / found["gold"]["wrong_words"])
    assert found["gold"]["ranking"]["words"]["pipeline"]["auroc"] > 0.8  # even this model knows that most words are O
    curve = json.loads((smoke / "audit" / "curve.json").read_text())
    assert curve["words"]["pipeline"][89] == found["gold"]["ranking"]["words"]["pipeline"]["precision_at_recall_90"]


def test_json_is_the_summary_alone(smoke):
    result = pipeline("audit", "--run", smoke, "--json")
    assert json.loads(result.stdout) == summary(smoke)
    assert "audit: up to date" in result.stderr


def test_it_tells_the_most_suspicious_words_and_what_comes_next(smoke):
    lines = pipeline("audit", "--run", smoke).output.splitlines()
    first = read(smoke / "audit" / "words.jsonl")[0]
    assert any(line.split() == [first["text"], first["tag"], first["suggestion"], *line.split()[3:]] for line in lines)
    assert any(line.startswith(f"audit: {summary(smoke)['listed_words']:,} of") for line in lines)
    assert any(line.startswith("against gold, pipeline: AUROC") for line in lines)
    assert lines[-1] == f"next: open {smoke / 'audit' / 'audit.html'}, or pipeline audit --run {smoke} --apply"


# --- gold -------------------------------------------------------------------------------------------------------------


def test_gold_decides_nothing(copied):
    """With the gold of every sentence rotated by one word, lists and corrections stay as they were."""

    def results():
        words = without(read(copied / "audit" / "words.jsonl"), "gold")
        entities = without(read(copied / "audit" / "entities.jsonl"), "confirmed")
        return words, entities, without(read(copied / "corrected" / "train.jsonl"), "gold")

    before, scores = results(), summary(copied).pop("gold")
    for split in ("train", "dev", "test"):
        rewrite(copied / "data", split, lambda row: row.update(gold=row["gold"][1:] + row["gold"][:1]))
    pipeline("teach", "--run", copied, "--force")
    pipeline("audit", "--run", copied, "--apply", "--force")
    assert results() == before
    assert summary(copied)["gold"] != scores


def test_without_gold_there_is_a_list_and_no_score(smoke, tmp_path):
    source = shutil.copytree(smoke / "data", tmp_path / "source")
    rows = without(read(source / "train.jsonl"), "gold")
    (source / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = {"source": "jsonl", "jsonl.folder": source, "noise.kind": "file"}
    flags = [f for key, value in settings.items() for f in ("--set", f"prepare.{key}={value}")]
    output = pipeline(
        "audit", "--config", "smoke", "--run", tmp_path / "run", *flags, "--stage", "teacher", "--apply"
    ).output
    assert "against gold" not in output
    assert "gold" not in summary(tmp_path / "run")
    assert not (tmp_path / "run" / "audit" / "curve.json").exists()
    ours, theirs = (read(folder / "audit" / "words.jsonl") for folder in (tmp_path / "run", smoke))
    assert ours == without(theirs, "gold")
    assert without(read(smoke / "corrected" / "train.jsonl"), "gold") == read(tmp_path / "run/corrected/train.jsonl")


# --- the corrected corpus ---------------------------------------------------------------------------------------------


def test_the_corrected_corpus_has_the_tags_of_the_audit(smoke):
    before, after = (read(smoke / name / "train.jsonl") for name in ("data", "corrected"))
    assert without(before, "tags") == without(after, "tags")
    assert [row["tags"] for row in after] == read(smoke / "audit" / "tags.jsonl")
    assert all(ill_formed(row["tags"]) == [] for row in after)
    assert any(ill_formed(row["tags"]) for row in before)


def test_listed_words_get_their_suggestion(smoke):
    """At a threshold of one half; and the few others that change are counted."""
    before, after = (read(smoke / name / "train.jsonl") for name in ("data", "corrected"))
    suggested = {(w["sentence"], w["word"]): w["suggestion"] for w in read(smoke / "audit" / "words.jsonl")}
    unlisted = changed = 0
    for s, (old, new) in enumerate(zip(before, after, strict=True)):
        for i, (was, becomes) in enumerate(zip(old["tags"], new["tags"], strict=True)):
            changed += was != becomes
            unlisted += was != becomes and (s, i) not in suggested
            assert becomes == suggested.get((s, i), becomes)
    found = summary(smoke)
    assert (found["corrected_words"], found["corrected_unlisted"]) == (changed, unlisted)
    assert unlisted < changed / 10
    right = np.mean([t == g for row in after for t, g in zip(row["tags"], row["gold"], strict=True)])
    assert found["gold"]["right_after"] == pytest.approx(right)


def test_dev_test_and_labels_stay(smoke):
    for name in ("dev.jsonl", "test.jsonl", "labels.json"):
        assert (smoke / "data" / name).read_bytes() == (smoke / "corrected" / name).read_bytes()


def test_the_command_it_ends_with_trains_on_the_corrected_corpus(copied):
    last = pipeline("audit", "--run", copied, "--apply").output.splitlines()[-1]
    words = shlex.split(last.removeprefix("next: "))
    assert words[:2] == ["pipeline", "run"]
    pipeline(*words[1:], "--set", "stages={teacher={command='teach'}}")
    again = copied.with_name("smoke-corrected")
    for split in ("train", "dev", "test"):
        name = f"{split}.jsonl"
        assert (again / "data" / name).read_bytes() == (copied / "corrected" / name).read_bytes()
    noise = json.loads((again / "data" / "report.json").read_text())["noise"]
    assert noise["word_flip_rate"] == pytest.approx(1 - summary(copied)["gold"]["right_after"])
    assert noise["entity_f1_loss"] == pytest.approx(1 - summary(copied)["gold"]["f1_after"])
    assert (again / "report.html").is_file()
    inputs = json.loads((again / "data" / "stage.json").read_text())["made_from"]["inputs"]
    assert inputs["train"] == {"file": "train.jsonl", "sha256": file_sha256(copied / "corrected" / "train.jsonl")}
    elsewhere = shutil.copytree(copied / "corrected", copied.parent / "elsewhere")
    output = pipeline("prepare", "--run", again, "--set", f"prepare.jsonl.folder={elsewhere}").output
    assert output.startswith("data: up to date")  # where files lie is not part of what they are


# --- settings ---------------------------------------------------------------------------------------------------------


def test_settings_are_remembered(copied):
    error = pipeline("audit", "--run", copied, "--threshold", 0.9, code=1).output
    assert "was made with config.threshold = 0.5, this command has 0.9" in error
    assert "--name" not in error
    pipeline("audit", "--run", copied, "--threshold", 0.9, "--force")
    assert tomllib.loads((copied / "config.toml").read_text())["audit"]["threshold"] == 0.9
    listed = [w["probability"] for w in read(copied / "audit" / "words.jsonl")]
    assert 0 < len(listed) < len(read(copied / "data" / "train.jsonl")) * 10
    assert min(listed) >= 0.9
    error = pipeline("audit", "--run", copied, "--apply", code=1).output
    assert "inputs.audit.sha256" in error
    pipeline("audit", "--run", copied, "--apply", "--force")
    assert [row["tags"] for row in read(copied / "corrected" / "train.jsonl")] == read(copied / "audit" / "tags.jsonl")


def test_another_stage_can_be_asked(copied):
    """A student of the config is made; a probe is any sealed stage of that kind with word logits of train."""
    before = read(copied / "audit" / "words.jsonl")
    pipeline("audit", "--run", copied, "--stage", "student-forward", "--force")
    assert summary(copied)["stage"] == "student-forward"
    assert read(copied / "audit" / "words.jsonl") != before
    probe = shutil.copytree(copied / "teacher", copied / "probe")
    manifest = json.loads((probe / "stage.json").read_text())
    manifest["made_from"]["kind"] = "probe"
    del manifest["made_with"]["settings_sha256"]
    (probe / "stage.json").write_text(json.dumps(manifest))
    pipeline("audit", "--run", copied, "--stage", "probe", "--force")
    assert read(copied / "audit" / "words.jsonl") == before


def test_mistakes_are_one_line(copied):
    for arguments, expected in [
        (["--stage", "nobody"], "expected a sealed stage, found none"),
        (["--stage", "data"], "expected a stage made by teach or distill or probe, found prepare"),
        (["--threshold", 1.5], "audit.threshold: expected a value less than or equal to 1"),
    ]:
        output = pipeline("audit", "--run", copied, *arguments, "--force", code=1).output
        (error,) = [line for line in output.splitlines() if line.startswith("error: ")]
        assert expected in error
    assert summary(copied)["stage"] == tomllib.loads((copied / "config.toml").read_text())["audit"]["stage"]


def test_tags_that_were_edited_are_not_applied(copied):
    path = copied / "audit" / "tags.jsonl"
    path.write_text(path.read_text().replace("B-MISC", "B-LOC"))
    shutil.rmtree(copied / "corrected")
    error = pipeline("audit", "--run", copied, "--apply", code=1).output
    assert f"{path}: missing, or changed since `pipeline audit` sealed it" in error
    advised = error[error.rindex("`pipeline") + 1 : error.rindex("`")]
    pipeline(*shlex.split(advised)[1:])
    pipeline("audit", "--run", copied, "--apply")


def test_the_other_commands_do_not_mind(copied):
    records = json.loads(pipeline("eval", "--run", copied, "--json").stdout)
    assert {r["stage"] for r in records} == {"teacher"}
