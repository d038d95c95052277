"""Two commands at once in one run: neither loses what the other had written into its config."""

import threading
import time

from pipeline.config_file import dumps, load
from stages import opening
from stages.opening import open_experiment, remember, remember_table


def slowly(monkeypatch):
    """Between reading a config and writing it, others have time to do the same."""

    def slow(config):
        time.sleep(0.05)
        return dumps(config)

    monkeypatch.setattr(opening, "dumps", slow)


def at_once(*calls):
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_stages_taught_at_once_are_all_remembered(tmp_path, monkeypatch):
    experiment = open_experiment("smoke", tmp_path / "run", None, {}, quiet=True)
    slowly(monkeypatch)
    names = [f"teacher-{number}" for number in range(5)]

    def teach(name):
        return lambda: remember(experiment, name, "teach", experiment.config.teach)

    at_once(*map(teach, names), lambda: remember_table(experiment, "audit"))
    found = load(str(experiment.folder / "config.toml"))
    assert set(names) <= found.stages.keys()


def test_a_run_that_two_commands_begin_has_the_config_of_the_first(tmp_path, monkeypatch):
    slowly(monkeypatch)

    def begin(seed):
        return lambda: open_experiment("smoke", tmp_path / "run", [f"seed={seed}"], {}, quiet=True)

    written = []
    replace = opening.write_text
    monkeypatch.setattr(opening, "write_text", lambda path, text: (written.append(text), replace(path, text)))
    at_once(*map(begin, range(4)))
    assert len(written) == 1
    assert (tmp_path / "run" / "config.toml").read_text() == written[0]
