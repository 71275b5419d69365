"""The `serve` command."""

import signal
import socket
import subprocess
import sys

import pytest
from optional import present
from web_server import RUN, ask

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")


def command(*argv, **more):
    return subprocess.Popen(
        [sys.executable, "-m", "selfplay", "serve", *argv],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more,
    )  # fmt: skip


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_command_says_where_it_is_and_ends_cleanly(root, number, code):
    def heed():  # a shell that runs tests in the background ignores SIGINT for them
        signal.signal(signal.SIGINT, signal.default_int_handler)

    running = command("--run", str(root / RUN), "--port", "0", preexec_fn=heed)
    line = present(running.stdout).readline()
    port = int(line.split("127.0.0.1:")[1].split("/")[0])
    assert f"http://127.0.0.1:{port}/#/runs/{RUN} " in line
    assert ask(port, "GET", f"/api/runs/{RUN}")[0] == 200
    running.send_signal(number)
    _, err = running.communicate(timeout=30)
    assert running.returncode == code
    assert "Traceback" not in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["--port", "{taken}"], "port {taken} is in use; give another --port"),
        (["--port", "70000"], "a port is a number from 0 to 65535, not 70000"),
        (["--host", "no such host"], "'no such host' is no address of this machine"),
        (["--host", "192.0.2.1", "--port", "0"], "'192.0.2.1' is no address of this machine"),
        (["--runs", "nowhere"], "there is no folder nowhere"),
        (["--run", "nowhere"], "nowhere is no run folder"),
    ],
)
def test_a_mistake_of_the_command_costs_one_line(tmp_path, monkeypatch, capsys, argv, reason):
    from selfplay import cli

    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        code = cli.guarded(["serve", *[word.format(taken=number) for word in argv]])
    err = capsys.readouterr().err
    assert code == 2
    assert reason.format(taken=number) in err
    assert len(err.splitlines()) == 1


def test_without_the_extra_the_command_says_what_to_install(monkeypatch, capsys):
    from importlib import util

    from selfplay import cli

    monkeypatch.setattr(util, "find_spec", lambda name: None)
    assert cli.guarded(["serve"]) == 2
    assert "pip install starlette uvicorn h11" in capsys.readouterr().err
