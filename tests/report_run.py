"""A made-up run's folder for the tests of the report, with what the law of confidence predicts at 40 % noise."""

import json
from pathlib import Path

import numpy as np

LABELS = ("O", *(f"{prefix}-{kind}" for kind in ("LOC", "MISC", "ORG", "PER") for prefix in "BI"))
TEACHER, SMALL = (22_700_000, 90.8, 2150.0), (15_600_000, 62.4, 6180.0)
# name: command, role, config, F1, accuracy, typical confidence, fitted temperature, (parameters, megabytes, speed)
STAGES = {
    "teacher-ce": ("teach", "teacher", {"q": 0.0, "smoothing": 0.0}, 0.842, 0.968, 0.60, 0.41, TEACHER),
    "teacher": ("teach", "teacher", {"q": 0.7, "smoothing": 0.1}, 0.861, 0.973, 0.996, 1.36, TEACHER),
    "control": ("distill", "control", {"control": True, "q": 0.7}, 0.793, 0.958, 0.992, 1.52, SMALL),
    **{
        f"student-{kl}": ("distill", "student", {"kl": kl, "teacher": "teacher"}, f1, 0.969, sure, 1.3, SMALL)
        for kl, f1, sure in (("forward", 0.848, 0.991), ("reverse", 0.845, 0.997), ("alternating", 0.850, 0.994))
    },
    "student-of-ce": ("distill", "student", {"kl": "forward", "teacher": "teacher-ce"}, 0.829, 0.964, 0.6, 0.4, SMALL),
}
UNITS = {"word": 46_000, "entity-word": 8_400, "span": 5_600}


def diagram(unit, accuracy, sure, rng):
    """Ten bins of a model with about this accuracy and confidence, and the metrics that follow from them."""
    n = UNITS[unit]
    accuracy = accuracy if unit == "word" else accuracy - 0.09
    easy = rng.random(n) < accuracy
    confidence = np.clip(np.where(easy, rng.beta(sure * 90, (1 - sure) * 90 + 0.4, n), rng.beta(3, 3.4, n)), 0.12, 1)
    right = rng.random(n) < np.where(easy, min(1, accuracy + 0.015), confidence * 0.9)
    where = np.clip(np.ceil(confidence * 10).astype(int) - 1, 0, 9)
    bins = []
    for i in range(10):
        inside = where == i
        full = bool(inside.any())
        bins.append(
            {
                "low": i / 10,
                "high": (i + 1) / 10,
                "n": int(inside.sum()),
                "confidence": float(confidence[inside].mean()) if full else None,
                "accuracy": float(right[inside].mean()) if full else None,
            }
        )
    gaps = [(b["n"], abs(b["accuracy"] - b["confidence"])) for b in bins if b["n"]]
    metrics = {
        "ece": sum(count * gap for count, gap in gaps) / n,
        "mce": max(gap for _, gap in gaps),
        "mce30": max((gap for count, gap in gaps if count >= 30), default=None),
        "ace": 0.02,
        "nll": float(-np.log(np.where(right, confidence, (1 - confidence) / 4 + 1e-3)).mean()),
        "brier": 0.05,
        "accuracy": float(right.mean()),
        "confidence": float(confidence.mean()),
        "n": n,
    }
    return bins, metrics


def score(stage, split, unit, scaled, rng):
    command, role, _, f1, accuracy, sure, temperature, (parameters, megabytes, speed) = STAGES[stage]
    bins, metrics = diagram(unit, accuracy, 0.985 if scaled else sure, rng)
    metrics |= {
        "f1": f1 + 0.03 * (split == "dev"),
        "f1_strict": f1 - 0.012,
        "precision": f1 - 0.01,
        "recall": f1 + 0.01,
    }
    intervals = {}
    for name, value in metrics.items():
        width = 0.008 if "f1" in name else 0.003
        intervals |= {f"{name}_low": value and value - width, f"{name}_high": value and value + width}
    record = {"stage": stage, "kind": command, "role": role, "split": split, "unit": unit, "scaled": scaled}
    record |= {"temperature": temperature if scaled else 1.0, "gold": True, **metrics, **intervals}
    return record | {"parameters": parameters, "megabytes": megabytes, "words_per_second": speed}, bins


def make_run(folder: Path, stages=tuple(STAGES), labels=LABELS) -> Path:
    """A run's folder with everything that `pipeline eval` and the stages write, but models and logits."""
    rng = np.random.default_rng(0)
    k = len(labels)
    files = {name: [] for name in ("metrics", "differences", "per_type", "reliability", "confusion")}
    for stage in stages:
        for split in ("dev", "test"):
            for unit in UNITS:
                for scaled in (False, True):
                    record, bins = score(stage, split, unit, scaled, rng)
                    files["metrics"].append(record)
                    where = {"stage": stage, "split": split, "unit": unit, "scaled": scaled}
                    files["reliability"].append(where | {"bins": bins})
                    if record["role"] == "student" and unit != "span":
                        for minus, by in ((STAGES[stage][2]["teacher"], -0.012), ("control", 0.054)):
                            deltas = {"f1": by, "f1_strict": by, "ece": -0.004, "nll": 0.02, "accuracy": by / 3}
                            ends = {
                                f"{m}_{end}": d + s
                                for m, d in deltas.items()
                                for end, s in (("low", -0.006), ("high", 0.006))
                            }
                            files["differences"].append(where | {"minus": minus} | deltas | ends)
            for i, kind in enumerate(("LOC", "MISC", "ORG", "PER")):
                f1 = STAGES[stage][3] + (0.04, -0.1, -0.02, 0.05)[i]
                row = {
                    "precision": f1 - 0.01,
                    "recall": f1 + 0.01,
                    "f1": f1,
                    "support": 1668 - 300 * i,
                    "predicted": 1700 - 300 * i,
                }
                files["per_type"].append({"stage": stage, "split": split, "type": kind} | row)
            counts = rng.poisson(12, (k, k)) + np.diag([38_000, *[1500] * (k - 1)])
            files["confusion"].append(
                {"stage": stage, "split": split, "labels": list(labels), "counts": counts.tolist()}
            )
    teachers = [stage for stage in stages if STAGES[stage][1] == "teacher"]
    files["law"] = [
        {"stage": s, "split": "test", "noise": noise, "q": 0.0, "confidence": STAGES[s][5] - by, "ece": 0.36}
        for s in teachers
        for noise, by in (("estimated", 0.003), ("known", 0.001))
    ]
    files["gradients"] = [row for stage in teachers for row in gradients(stage)]
    files["geometry"] = [geometry(stage, labels, rng) for stage in teachers]
    for name, rows in files.items():
        (folder / f"{name}.json").write_text(json.dumps(rows))
    for stage in ("data", *stages):
        write_stage(folder / stage, rng)
    (folder / "config.toml").write_text(
        'seed = 0\n\n[prepare]\nsource = "files"\n\n[prepare.noise]\nkind = "uniform"\nrate = 0.4\n'
    )
    (folder / "data" / "report.json").write_text(json.dumps(data_report(labels)))
    return folder


def gradients(stage):
    """Three epochs of which ever more of the gradient comes from wrong tags."""
    edges = np.logspace(-4, 0, 33).tolist()
    for epoch in (1, 2, 3):
        sides = {
            side: {"n": 320, "weight": 0.2, "tag_probability": 0.5, "quantiles": [0.1] * 5, "histogram": counts}
            for side, counts in (("clean", [10] * 32), ("flipped", [0] * 31 + [320]))
        }
        shares = {"words_share": 0.4, "weight_share": 0.3 + 0.1 * epoch, "cross_entropy_share": 0.9}
        yield {"stage": stage, "epoch": epoch, **shares, **sides, "edges": edges}


def geometry(stage, labels, rng):
    """A hundred words of each of three classes, around the corners of a triangle."""
    corners = 6 * np.array([[-1, -0.5], [1, -0.5], [0, 1]])
    numbers = {"norm": 11.6, "spread": 9.3, "within": 65.2, "between": 21.4, "ratio": 3.05, "fisher": 0.25}
    return {
        "stage": stage,
        "split": "dev",
        "gold": True,
        "n": 13_000,
        **dict.fromkeys(("words", "balanced", "plane"), numbers),
        "template_spread": 0.36,
        "classes": list(labels[1:7:2]),
        "per_class": {label: {"n": 100, "norm": 11.6, "spread": 9.3} for label in labels},
        "points": [(corner + rng.normal(size=(100, 2))).round(4).tolist() for corner in corners],
        "templates": (corners / 20).tolist(),
    }


def write_stage(folder, rng):
    command, _, config, *_ = STAGES.get(folder.name, ("prepare", "", {}))
    folder.mkdir()
    made_from = {"kind": command, "config": config, "seed": 0, "inputs": [], "outputs": {}}
    made_with = {
        "versions": {"python": "3.11.2", "torch": "2.13.0", "transformers": "5.23.0"},
        "commit": "5f09dd7c0ffee",
        "device": "cpu",
        "precision": "bf16",
        "seconds": 754.2,
        "command": ["pipeline", command, "--run", "runs/conll", "--name", folder.name],
    }
    (folder / "stage.json").write_text(json.dumps({"made_from": made_from, "made_with": made_with}))
    if command == "prepare":
        return
    top, floor = (2.2, 1.3) if config.get("q") == 0 else (0.9, 0.25)
    lines = []
    for step in range(5, 1320, 5):
        loss = floor + (top - floor) * float(np.exp(-step / 150) + rng.normal(0, 0.03))
        lines.append({"step": step, "epoch": step / 439, "loss": loss, "learning_rate": 2e-4})
        if step % 440 == 435:
            lines.append({"step": step, "epoch": step / 439, "dev_loss": loss * 0.9})
    (folder / "log.jsonl").write_text("\n".join(map(json.dumps, lines)))


def data_report(labels):
    k = len(labels)
    noise = {"kind": "uniform", "rate": 0.4, "word_flip_rate": 0.3987, "entity_f1_loss": 0.857, "dev": "clean"}
    noise["matrix"] = (np.full((k, k), 0.4 / (k - 1)) + np.eye(k) * (0.6 - 0.4 / (k - 1))).tolist()
    sizes = {"train": (14_041, 203_621, 946), "dev": (3_250, 51_362, 216), "test": (3_453, 46_435, 231)}
    splits = {}
    for split, (sentences, words, documents) in sizes.items():
        splits[split] = {"sentences": sentences, "words": words, "documents": documents, "duplicates": sentences // 20}
        splits[split]["labels"] = {label: words // (1 if label == "O" else 20) for label in labels}
        splits[split]["entities"] = dict.fromkeys(("LOC", "MISC", "ORG", "PER"), sentences // 2)
        if split != "train":
            splits[split]["overlap_with_train"] = 137
    return {"source": "CoNLL-2003 (files)", "labels": list(labels), "noise": noise, "splits": splits}
