"""The HTTP server around the application: kernels loaded first, connections that do nothing closed."""

import asyncio
import itertools
import logging
import socket
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

import games
from selfplay.knowledge import alphabeta, rules
from selfplay.search import rollout, search
from selfplay.web.app import application

_KERNELS = (rollout, alphabeta, rules, search)  # loaded once, before any thread starts
_HEAD_SECONDS = 15.0  # for the head of a request to come
_MOST_CONNECTIONS = 2000
_WRITE_SECONDS = 10.0  # in which somebody has to take something of an answer
_MOST_UNTAKEN = 16 << 20  # bytes of answers to one address that wait to be taken,
_ADDED_UP_EVERY = 16  # requests, for that takes a moment where there are many
_arrivals = itertools.count()
_OPEN_FILES = 4096


class _Connection(H11Protocol):
    """Hangs up on who connects and then says nothing, or says it ever so slowly, or takes nothing of an answer."""

    _deadline: asyncio.TimerHandle | None = None
    _look: asyncio.TimerHandle | None = None
    _untaken = 0  # bytes of answers, when it was looked at
    _since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        super().connection_made(transport)
        self._since = self.loop.time()
        if len(self.connections) > _MOST_CONNECTIONS:
            self._make_room()
        self._arm()
        self._look_on()

    def data_received(self, data: bytes) -> None:
        if next(_arrivals) % _ADDED_UP_EVERY == 0 and self._untaken_by_mine() > _MOST_UNTAKEN:
            self.transport.abort()
            return
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:  # between requests, or in the middle of a head
            self._arm()
        else:
            self._disarm()

    @property
    def host(self) -> str:
        return self.client[0] if self.client else ""

    def _all(self) -> list["_Connection"]:
        return [each for each in self.connections if isinstance(each, _Connection) and not each.transport.is_closing()]

    def _untaken_by_mine(self) -> int:
        """Bytes that wait to be taken by this connection's address."""
        return sum(each.transport.get_write_buffer_size() for each in self._all() if each.host == self.host)

    def _make_room(self) -> None:
        """Hang up on the address that has most connections: on the oldest of them."""
        counts = Counter(each.host for each in self._all())
        greedy = max(counts, key=lambda host: counts[host])
        min((each for each in self._all() if each.host == greedy), key=lambda each: each._since).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        if self._look is not None:
            self._look.cancel()
        super().connection_lost(exc)

    def _look_on(self) -> None:
        """Now and then, hang up if nothing was taken of what waits to be."""
        untaken = self.transport.get_write_buffer_size()
        if untaken and untaken == self._untaken:
            self.transport.abort()
            return
        self._untaken = untaken
        self._look = self.loop.call_later(_WRITE_SECONDS, self._look_on)

    def _arm(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(_HEAD_SECONDS, self.transport.close)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def made(root: Path, *, names: Iterable[str] = ()) -> uvicorn.Server:
    """The server for a runs folder, not yet running."""
    games.make("connect4")
    # Whoever sends what is not HTTP is told so; the terminal need not be.
    logging.getLogger("uvicorn.error").addFilter(lambda record: "Invalid HTTP request" not in record.getMessage())
    return uvicorn.Server(
        uvicorn.Config(
            application(root, names=names),
            http=_Connection,
            ws="none",
            loop="asyncio",
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_keep_alive=20,
            timeout_graceful_shutdown=1,
        )
    )


def serve(bound: socket.socket, root: Path, *, names: Iterable[str] = ()) -> None:
    """Answer on a socket that listens until Ctrl-C or SIGTERM, which arrive again once it is closed."""
    _allow_open_files()
    made(root, names=names).run(sockets=[bound])


def _allow_open_files() -> None:
    try:
        import resource
    except ImportError:  # Windows, which has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < _OPEN_FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(_OPEN_FILES, hard), hard))
