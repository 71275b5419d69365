"""The `serve` command: the page on an address of this machine."""

import argparse
import errno
import importlib.util
import ipaddress
import socket
import sys
import threading
from pathlib import Path
from urllib.parse import quote

_NEEDED = ("starlette", "uvicorn", "h11")
_LONG_START = 5.0  # seconds; longer than kernels take that were compiled before
_EXAMPLES = """\
The page plays every game against every agent and every checkpoint, shows what they think, follows runs while
they train, and steps through recorded games. It asks no other host for anything.

examples:
  selfplay serve
  selfplay serve --run runs/connect4
  selfplay serve --host 0.0.0.0 --port 8080     # for others in the network to see; anyone there can use it
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `selfplay serve`."""
    parser.epilog = _EXAMPLES
    parser.add_argument("--run", type=Path, help="open the page on this run; its folder is then the runs folder")
    parser.add_argument("--runs", type=Path, metavar="DIR", help="folder of runs (default runs)")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1: only this machine)"
    )
    parser.add_argument("--port", type=int, default=8000, help="port (default 8000; 0 takes any free one)")


def _folder(args: argparse.Namespace) -> Path:
    from selfplay.run import folder

    if args.run is not None:
        if not (args.run / folder.CONFIG).is_file():
            raise ValueError(folder.no_run(args.run))
        parent = args.run.resolve().parent
        if args.runs is not None and args.runs.resolve() != parent:
            raise ValueError(f"{args.run} is not in {args.runs}; leave --runs out")
        return parent
    root = args.runs or Path("runs")
    if root.exists() and not root.is_dir():
        raise ValueError(f"{root} is a file; give the folder that holds the runs")
    if args.runs is not None and not root.is_dir():
        raise ValueError(f"there is no folder {root}; give the folder that holds the runs")
    return root


def _bound(host: str, port: int) -> socket.socket:
    """A socket that listens, so that a browser may come before the server is ready."""
    if not 0 <= port < 1 << 16:
        raise ValueError(f"a port is a number from 0 to 65535, not {port}")
    try:
        (family, kind, proto, _, address), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ValueError(
            f"{host!r} is no address of this machine: {getattr(error, 'strerror', None) or error}"
        ) from None
    bound = socket.socket(family, kind, proto)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(1024)
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise ValueError(f"port {port} is in use; give another --port, or --port 0 for any free one") from None
        if error.errno == errno.EACCES:
            raise ValueError(f"port {port} may not be used without special rights; give --port 1024 or above") from None
        raise ValueError(f"{host!r} is no address of this machine: {error.strerror}") from None
    return bound


def _address(bound: socket.socket, run: Path | None) -> str:
    host, port = bound.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:
        host = socket.gethostname()
    page = "" if run is None else f"#/runs/{quote(run.resolve().name)}"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/{page}"


def run(args: argparse.Namespace) -> int:
    """`selfplay serve`."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(f"serve needs {', '.join(missing)}: {sys.executable} -m pip install {' '.join(missing)}")
    root = _folder(args)
    bound = _bound(args.host, args.port)
    print(f"selfplay is at {_address(bound, args.run)}  (Ctrl-C ends it)", flush=True)
    patience = threading.Timer(
        _LONG_START, print, ["compiling for this machine, once; the page comes when that is done"]
    )
    patience.daemon = True
    patience.start()
    from selfplay.web.server import serve

    patience.cancel()
    serve(bound, root, names=(args.host, socket.gethostname()))
    return 0
