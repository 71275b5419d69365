"""What all tests need of their process, and the server and the engine that several files ask."""

import signal

import pytest

# A shell that starts a job in the background lets it ignore Ctrl-C, and what the tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A runs folder with some runs in it."""
    from web_server import some_runs  # needs the server's libraries, which not all tests do

    return some_runs(tmp_path_factory.mktemp("served") / "runs")


@pytest.fixture(scope="module")
def port(root):
    """Where a server of the runs in `root` listens on loopback."""
    from web_server import served

    with served(root) as port:
        yield port


@pytest.fixture
def session(monkeypatch):
    """The engine's side of the Gomocup protocol, with somebody simple who thinks."""
    from engine_talk import FirstFree

    from selfplay.export import engine_protocol

    monkeypatch.setattr(engine_protocol, "Player", FirstFree)
    return engine_protocol.Session("anyone")
