"""Files of other versions: those of a run that version 0.1 made (tests/golden/run_of_0_1), and of versions to come."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import games
from selfplay import __version__, cli
from selfplay.config import read_toml
from selfplay.network.weights import load_weights, weights_metadata
from selfplay.players.make import make_agent
from selfplay.run import checkpoint, checksums, folder, formats, metrics, presets, read, session

OLD = Path(__file__).with_name("golden") / "run_of_0_1"
STAMP = {"format": 1, "written_by": __version__}


def train(run_dir, *more):
    return cli.guarded(["train", "--config", "tiny", "--game", "tictactoe", "--run", str(run_dir), "--quiet", *more])


@pytest.fixture
def old(tmp_path):
    return Path(shutil.copytree(OLD, tmp_path / "old"))


@pytest.fixture(scope="module")
def present(tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("present") / "r"
    assert train(run_dir, "--generations", "3") == 0
    return run_dir


def rewrite(path, change):
    """The JSON file after `change` was made to what it holds."""
    content = json.loads(path.read_bytes())
    change(content)
    path.write_text(json.dumps(content))


def rewrite_weights(path, change):
    """The weights file with other metadata."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    change(header["__metadata__"])
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[start:])


def seal(checkpoint_dir):
    """Bring the manifest in line with what was rewritten."""
    names = [path.name for path in checkpoint_dir.iterdir() if path.name != checkpoint.MANIFEST]
    digests = {name: checkpoint._sha256(checkpoint_dir / name) for name in names}
    rewrite(checkpoint_dir / checkpoint.MANIFEST, lambda content: content.update(sha256=digests))


def aged(run_dir):
    """Turn the files of a run into what version 0.1 would have written."""

    def age(content, **renamed):
        for name in STAMP:
            del content[name]
        for new, old in renamed.items():
            if new in content:
                content[old] = content.pop(new)

    shutil.rmtree(run_dir / checksums.DIR)
    config = (run_dir / folder.CONFIG).read_text()
    for line in ("format = 1", f'written_by = "{__version__}"'):
        config = config.replace(f"{line}\n", "")
    for new, old in (
        ("max_considered_actions", "considered"),
        ("max_opening_value", "opening_bound"),
        ("draw_adjudication", "settled_draw"),
        ("replay_ratio", "reuse"),
        ("equal_time", "clocked"),
    ):
        assert f"\n{new} = " in config
        config = config.replace(f"\n{new} = ", f"\n{old} = ")
    (run_dir / folder.CONFIG).write_text(config)
    rewrite(run_dir / folder.META, lambda content: age(content, initial_weights="parent"))
    rewrite(run_dir / folder.CROSSOVER, age)
    for at in checkpoint.folders(run_dir).values():
        rewrite(at / checkpoint.MANIFEST, age)
        rewrite_weights(at / checkpoint.WEIGHTS, lambda metadata: (age(metadata), metadata.pop("planes")))
        if (at / "state.json").exists():
            rewrite(at / "state.json", lambda content: age(content, carried_steps="owed_steps"))
        seal(at)


def test_every_file_of_a_run_says_its_format(present):
    newest = max(checkpoint.folders(present).values())
    for path in (present / "meta.json", present / "crossover.json", newest / "state.json", newest / "manifest.json"):
        assert json.loads(path.read_bytes()).items() >= STAMP.items(), path
    assert read_toml(present / "config.toml").items() >= STAMP.items()
    assert (
        weights_metadata(newest / "weights.safetensors").items() >= {"format": "1", "written_by": __version__}.items()
    )


def test_a_run_that_was_begun_by_the_last_version_goes_on_as_if_nothing_were(present, tmp_path):
    """Both were made by three generations; all that differs is in which format they were written."""
    found = {}
    for name in ("as it is", "aged"):
        run_dir = Path(shutil.copytree(present, tmp_path / name))
        if name == "aged":
            aged(run_dir)
            assert "owed_steps" in json.loads((run_dir / "checkpoints/000003/state.json").read_bytes())
        assert train(run_dir, "--generations", "5") == 0
        clock = metrics.clock_names()
        lines = [
            {key: value for key, value in line.items() if key not in clock}
            for line in folder.read_lines(run_dir / folder.METRICS)
        ]
        found[name] = lines, (run_dir / "checkpoints/000005/weights.safetensors").read_bytes()
    assert len(found["aged"][0]) == 5
    assert found["aged"] == found["as it is"]


def test_a_run_of_the_last_version_goes_on(old, capsys):
    config = folder.recorded_config(old)
    assert config is not None
    assert (config.learn.replay_ratio, config.search.max_considered_actions, config.eval.equal_time) == (1.0, 4, ())
    before = folder.read_lines(old / folder.METRICS)
    assert cli.guarded(["train", "--run", str(old), "--generations", "5", "--quiet"]) == 0
    out, error = capsys.readouterr()
    assert (out.splitlines(), error) == ([f"report: {old / 'report.html'}"], "")
    lines = folder.read_lines(old / folder.METRICS)
    assert [line["generation"] for line in lines] == [1, 2, 3, 4, 5]
    assert lines[:3] == before
    assert lines[-1]["samples"] // 16 == lines[-1]["positions"] // 16  # a replay ratio of 1 in batches of 16
    sessions = read.Run(old).meta["sessions"]
    assert sessions[0]["versions"]["selfplay-lab"] == "0.1.0"
    assert [session["from_generation"] for session in sessions] == [0, 3]
    assert json.loads((old / folder.META).read_bytes()).items() >= STAMP.items()
    assert read_toml(old / folder.CONFIG)["learn"]["replay_ratio"] == 1.0


def test_a_run_of_the_last_version_is_read_by_every_command(old, capsys):
    assert cli.guarded(["report", str(old)]) == 0
    assert "2 simulations" in (old / "report.html").read_text()
    capsys.readouterr()
    assert cli.guarded(["crossover", str(old), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    for one in [each for rung in found["rungs"] for each in (rung, *rung["runs"])]:
        for name in ("ahead_flops", "ahead_seconds"):  # which that version did not tell
            one.pop(name, None)
    assert found == json.loads((OLD / "crossover.json").read_bytes())
    assert cli.guarded(["doctor", str(old)]) == 0
    assert capsys.readouterr().err == ""


def test_a_network_of_the_last_version_plays(old):
    game = games.make("tictactoe")
    found = make_agent(f"mcts:{old},sims=8", game).act(game.initial()[None], np.zeros(1, np.uint64))
    network, _ = load_weights(checkpoint.resolve(str(old)))
    assert 0 <= found.actions_N[0] < 9
    assert network.planes == game.planes


LATER = {"format": 2, "written_by": "9.9.1"}
SAID = f"was written by selfplay 9.9.1, in format 2; this is {__version__}, which reads formats up to 1"


def as_written_later(run_dir, name):
    path = run_dir / name
    checksums.place(path).unlink(missing_ok=True)
    if name == folder.CONFIG:
        path.write_text(path.read_text().replace("format = 1", "format = 2").replace(__version__, "9.9.1"))
    elif path.name == checkpoint.WEIGHTS:
        rewrite_weights(path, lambda metadata: metadata.update(format="2", written_by="9.9.1"))
        seal(path.parent)
    else:
        rewrite(path, lambda content: content.update(LATER))
        if path.name == "state.json":
            seal(path.parent)


@pytest.mark.parametrize(
    "name", ["config.toml", "meta.json", "checkpoints/000003/manifest.json", "checkpoints/000003/state.json"]
)
def test_a_run_of_a_version_to_come_is_left_alone(present, tmp_path, capsys, name):
    run_dir = Path(shutil.copytree(present, tmp_path / "r"))
    as_written_later(run_dir, name)
    before = (run_dir / folder.METRICS).read_bytes()
    assert train(run_dir, "--generations", "5") == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == f"selfplay: {run_dir / name} {SAID}"
    assert (run_dir / folder.METRICS).read_bytes() == before


def test_weights_of_a_version_to_come_are_refused(present, tmp_path):
    run_dir = Path(shutil.copytree(present, tmp_path / "r"))
    as_written_later(run_dir, "checkpoints/000003/weights.safetensors")
    with pytest.raises(ValueError, match=r"weights\.safetensors was written by selfplay 9\.9\.1, in format 2"):
        make_agent(f"mcts:{run_dir},sims=8", games.make("tictactoe"))


def test_settings_of_a_run_are_a_preset(present, tmp_path):
    given = presets.read(str(present / folder.CONFIG))
    config = folder.recorded_config(present)
    assert config is not None
    assert session.settle(tmp_path / "new", config, given) == config


@pytest.mark.parametrize("told", ["x", -1, 1.5, None, [1]])
def test_a_format_that_is_none_is_named(told):
    with pytest.raises(ValueError, match=r"meta\.json is damaged: format is a whole number, not "):
        formats.check({"format": told}, "meta.json")
