"""`selfplay.train`: the run of the command, a generation at a time."""

import json

import pytest
from optional import present

import selfplay
from selfplay.run import checkpoint

TINY = {"config": "tiny", "network": {"dtype": "float32"}}


def trained(run_dir, generations=3, **given):
    return selfplay.train("tictactoe", generations=generations, run_dir=run_dir, **TINY, **given)


def weights(run_dir, generation):
    return (run_dir / f"checkpoints/{generation:06d}/weights.safetensors").read_bytes()


def test_it_is_the_run_of_the_command(tmp_path, monkeypatch):
    from selfplay import cli

    monkeypatch.chdir(tmp_path)
    numbers = [generation.number for generation in trained(tmp_path / "python")]
    flags = "--config tiny --game tictactoe --generations 3 --network.dtype float32 --run command --quiet"
    assert cli.guarded(["train", *flags.split()]) == 0
    assert numbers == [1, 2, 3]
    assert weights(tmp_path / "python", 3) == weights(tmp_path / "command", 3)
    files = [{path.name for path in (tmp_path / run).iterdir()} for run in ("python", "command")]
    assert files[0] == files[1]


def test_meta_has_the_command_that_does_the_same(tmp_path):
    list(trained(tmp_path / "run", 1, seed=4, search={"simulations": 5}))
    (session,) = json.loads((tmp_path / "run/meta.json").read_text())["sessions"]
    for flag in ("--game tictactoe", "--generations 1", "--seed 4", "--search.simulations 5", "--config tiny"):
        assert flag in session["command"]


def test_leaving_the_loop_loses_nothing(tmp_path):
    for generation in trained(tmp_path / "left"):
        if generation.number == 2:
            break
    assert weights(tmp_path / "left", 2)
    assert [generation.number for generation in trained(tmp_path / "left")] == [3]
    list(trained(tmp_path / "whole"))
    assert weights(tmp_path / "left", 3) == weights(tmp_path / "whole", 3)


def test_a_closed_generator_lets_go_of_the_folder(tmp_path):
    training = trained(tmp_path)
    next(training)
    with pytest.raises(ValueError, match="is in use by process"):
        next(trained(tmp_path))
    training.close()
    assert next(trained(tmp_path)).number == 2


def test_callbacks_hear_of_every_generation_before_its_checkpoint_is_complete(tmp_path):
    """Where there were matches the checkpoint came before them, and is complete once it is marked."""
    heard = []

    def listen(generation):
        lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
        saved = checkpoint.newest(tmp_path)
        complete = saved is not None and saved.complete == generation.number
        heard.append((generation.number, len(lines), complete))

    for generation in trained(tmp_path, callbacks=[listen]):
        assert present(checkpoint.newest(tmp_path)).complete == generation.number
    assert heard == [(1, 1, False), (2, 2, False), (3, 3, False)]


def test_it_prints_nothing_unless_asked(tmp_path, capsys):
    list(trained(tmp_path / "quiet"))
    assert capsys.readouterr().out == ""
    list(trained(tmp_path / "told", progress=True))
    told = capsys.readouterr().out
    assert [line.split()[:2] for line in told.splitlines() if "trained" in line] == [
        ["generation", "1"],
        ["generation", "2"],
        ["generation", "3"],
    ]
    assert "\x1b" not in told


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"game": "connect5"}, "did you mean 'connect4'?"),
        ({"game": "tictactoe", "serch": {}}, "did you mean 'search'?"),
        ({"game": "tictactoe", "search": {"simulation": 3}}, "did you mean 'simulations'?"),
        ({"game": "tictactoe", "minutes": 0}, "no end is set"),
    ],
)
def test_mistakes_are_named_at_once(given, words, tmp_path):
    with pytest.raises(ValueError) as caught:
        selfplay.train(**given, run_dir=tmp_path / "run")
    assert words in str(caught.value)
    assert not (tmp_path / "run").exists()
