"""What is asked for over HTTP, and what is answered.

    GET  /                       the page          GET  /static/NAME     what it is made of
    GET  /api/games              games that can be played
    GET  /api/players?game=G     who can be played against
    GET  /api/network?game=G&of=RUN   a network as an ONNX file in base64, for a page that plays with no server
    GET  /api/position?game=G&moves=M   is it over, who has won, what is legal: for games whose rules the page lacks
    GET  /api/opening?game=G&seed=S   a balanced line of moves to begin with
    POST /api/think              {"game", "moves", "agent", "seed"?} -> the agent's move and what it thinks
    POST /api/truth              {"game", "moves"} -> what perfect play makes of every move
    GET  /api/runs               all runs          GET  /api/runs/RUN    one of them
    GET  /api/crossings?runs=A,B when runs, as seeds of one experiment, overtook whom
    GET  /api/records            files of games    GET  /api/records/[RUN/]FILE

Answers are JSON; a mistake is {"error": one line} and a 4xx.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import selfplay
from games import text
from games.game import MOVER_LOST, MOVER_WON, ONGOING, Game
from selfplay.arena import openings
from selfplay.knowledge import oracle
from selfplay.run import checkpoint
from selfplay.web import alone, catalogue, folders
from selfplay.web.guard import Guard, RefusedError, parsed
from selfplay.web.thinking import BusyError, Thinking

_STATIC = Path(__file__).with_name("static")
_LONGEST_MOVES = 2400  # characters: a full 20 x 20 board
_LONGEST_SPEC = 300
_MOST_RUNS = 8
_READS_OF_ONE = 4  # at a time, of the forty threads that there are for it
_NO_VERSION = b'<meta name="selfplay-version" content="">'
_TYPES = {".js": "text/javascript", ".svg": "image/svg+xml", ".css": "text/css", ".html": "text/html"}


def _text(asked: Mapping[str, Any], name: str, longest: int) -> str:
    value = asked.get(name)
    if not isinstance(value, str) or len(value) > longest:
        raise RefusedError(400, f"{name!r} is a text of at most {longest} characters")
    return value


def _replayed(root: Path, asked: Mapping[str, Any]) -> tuple[Game, np.ndarray, int]:
    """A position, and the status of the move that led to it."""
    game = catalogue.game(root, _text(asked, "game", 100))
    return game, *text.replay(game, text.parse_moves(game, _text(asked, "moves", _LONGEST_MOVES)))


def _position(root: Path, asked: Mapping[str, Any]) -> tuple[Game, np.ndarray]:
    """A position that is not over."""
    game, state_W, status = _replayed(root, asked)
    if status != ONGOING:
        raise ValueError("the game is over")
    return game, state_W


def _judged(root: Path, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What the rules say of a position: the winner is 1 for who began, -1 for the other, 0 for nobody."""
    game, state_W, status = _replayed(root, asked)
    mover = 1 if game.plies(state_W) % 2 == 0 else -1
    return {
        "over": status != ONGOING,
        "winner": {MOVER_WON: -mover, MOVER_LOST: mover}.get(status, 0),
        "legal": [] if status != ONGOING else game.legal_actions(state_W).tolist(),
    }


def _truth(game: Game, state_W: np.ndarray) -> dict[str, Any]:
    """Every legal move's outcome under perfect play for the player to move, and the plies to the end of the game."""
    scores_A = oracle.scores(state_W[None])[0]
    played = game.plies(state_W)
    moves = {}
    for action in game.legal_actions(state_W):
        score = int(scores_A[action])
        if score == 0:
            end = game.cells
        else:
            first_wins = (score > 0) == (played % 2 == 0)
            end = game.cells - 2 * (abs(score) - 1) - (1 if first_wins else 0)  # who began has the odd plies
        outcome = "win" if score > 0 else "loss" if score < 0 else "draw"
        moves[text.format_action(game, int(action))] = {"outcome": outcome, "plies": end - played}
    return {"moves": moves}


def _client(request: Request) -> str:
    """By whom threads are shared out."""
    return request.client.host if request.client else ""


async def _while_there(request: Request, asked: Coroutine[Any, Any, Any]) -> Any:
    """What was asked for; it is given up when its asker hangs up."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    work, leaving = asyncio.ensure_future(asked), asyncio.ensure_future(gone())
    try:
        await asyncio.wait((work, leaving), return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        raise RefusedError(499, "nobody waits for the answer")
    finally:
        work.cancel()
        leaving.cancel()


def application(root: Path, *, names: Iterable[str] = ()) -> Starlette:
    """The server for the runs folder `root`; `names` are hosts it goes by besides `localhost` and numbers."""
    files = {path.name: path.read_bytes() for path in sorted(_STATIC.iterdir()) if path.suffix in _TYPES}
    version = hashlib.sha256(b"".join(files.values()) + selfplay.__version__.encode()).hexdigest()[:16]
    files["index.html"] = files["index.html"].replace(_NO_VERSION, _NO_VERSION.replace(b'""', f'"{version}"'.encode()))
    thinking, exporting = Thinking(), asyncio.Lock()
    places: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()  # of each client that reads now

    async def read(request: Request, call: Callable[..., Any], *arguments: Any) -> Any:
        """What a call returns that reads files or replays moves; a client has a few at a time."""
        place = places.setdefault(_client(request), asyncio.Semaphore(_READS_OF_ONE))
        async with place:
            if await request.is_disconnected():
                raise RefusedError(499, "nobody waits for the answer")
            return await run_in_threadpool(call, *arguments)

    def served(name: str) -> Response:
        return Response(files[name], media_type=_TYPES[Path(name).suffix], headers={"cache-control": "no-cache"})

    async def index(request: Request) -> Response:
        return served("index.html")

    async def static(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in files:
            raise HTTPException(404, "there is no such file")
        return served(name)

    async def all_games(request: Request) -> Response:
        return JSONResponse(await read(request, catalogue.all_games, root))

    async def players(request: Request) -> Response:
        game = await read(request, catalogue.game, root, request.query_params.get("game", ""))
        return JSONResponse(await read(request, catalogue.players, root, game))

    async def network(request: Request) -> Response:
        def found() -> Path:
            game = catalogue.game(root, request.query_params.get("game", ""))
            spec = catalogue.bounded(root, game, f"net:{request.query_params.get('of', '')}")
            return checkpoint.resolve(spec.removeprefix("net:"), game.name)

        weights = await read(request, found)
        async with exporting:  # one at a time, so that one thread is left to think
            graph = thinking.work(partial(alone.network, weights), client=_client(request))
            return JSONResponse(alone.encoded(await _while_there(request, graph)))

    async def position(request: Request) -> Response:
        return JSONResponse(await read(request, _judged, root, request.query_params))

    async def opening(request: Request) -> Response:
        game = await read(request, catalogue.game, root, request.query_params.get("game", ""))
        seed = request.query_params.get("seed", "0")
        if not (seed.isascii() and seed.isdigit() and len(seed) < 19):
            raise RefusedError(400, "'seed' is a whole number of at most 18 digits")
        call = partial(openings.openings, game, 1, int(seed))
        (actions,) = await _while_there(request, thinking.work(call, client=_client(request)))
        return JSONResponse({"moves": text.format_moves(game, actions)})

    async def think(request: Request) -> Response:
        asked = parsed(await request.body())
        spec, seed = _text(asked, "agent", _LONGEST_SPEC), asked.get("seed", 0)
        if not (type(seed) is int and 0 <= seed < 2**63):
            raise RefusedError(400, "'seed' is a whole number from 0 to 2**63 - 1")

        def checked() -> tuple[str, Game, np.ndarray]:
            game, state_W = _position(root, asked)
            return catalogue.bounded(root, game, spec), game, state_W

        bounded, game, state_W = await read(request, checked)
        # Another seed at every ply, or an agent that draws lots would always draw the same one.
        answer = thinking.ask(bounded, game, state_W, seed + game.plies(state_W), client=_client(request))
        found = await _while_there(request, answer)
        return JSONResponse({"moves": asked["moves"], **found})

    async def truth(request: Request) -> Response:
        asked = parsed(await request.body())
        game, state_W = await read(request, _position, root, asked)
        oracle.check(game)
        truth = thinking.work(partial(_truth, game, state_W), client=_client(request))
        return JSONResponse(await _while_there(request, truth))

    async def all_runs(request: Request) -> Response:
        return JSONResponse(await read(request, folders.summaries, root))

    async def run(request: Request) -> Response:
        folder = await read(request, catalogue.run_dir, root, request.path_params["run"])
        tag = f'"{await read(request, folders.stamp, folder)}"'
        headers = {"etag": tag, "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return JSONResponse(await read(request, folders.full, folder), headers=headers)

    async def crossings(request: Request) -> Response:
        names = request.query_params.get("runs", "").split(",")
        if len(names) > _MOST_RUNS:
            raise RefusedError(400, f"at most {_MOST_RUNS} runs together")
        return JSONResponse(await read(request, folders.crossings, root, names))

    async def all_records(request: Request) -> Response:
        return JSONResponse(await read(request, folders.record_files, root))

    async def recorded(request: Request) -> Response:
        return JSONResponse(await read(request, folders.recorded, root, request.path_params["file"]))

    def refused(status: int) -> Any:
        async def handler(request: Request, error: Exception) -> Response:
            return JSONResponse({"error": " ".join(str(error).split())[:500]}, status)

        return handler

    async def unreadable(request: Request, error: Exception) -> Response:
        assert isinstance(error, OSError)
        name = Path(error.filename).name if isinstance(error.filename, str) else "a file"
        return JSONResponse({"error": f"{name}: {error.strerror or 'cannot be read'}"}, 404)

    async def told(request: Request, error: Exception) -> Response:
        assert isinstance(error, RefusedError)
        return JSONResponse({"error": error.reason}, error.status)

    async def unanswered(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)

    async def busy(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": "too many people ask at once; try again"}, 429, {"retry-after": "1"})

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        thinking.close()

    return Starlette(
        routes=[
            Route("/", index),
            Route("/static/{name}", static),
            Route("/api/games", all_games),
            Route("/api/players", players),
            Route("/api/network", network),
            Route("/api/position", position),
            Route("/api/opening", opening),
            Route("/api/think", think, methods=["POST"]),
            Route("/api/truth", truth, methods=["POST"]),
            Route("/api/runs", all_runs),
            Route("/api/runs/{run}", run),
            Route("/api/crossings", crossings),
            Route("/api/records", all_records),
            Route("/api/records/{file:path}", recorded),
        ],
        middleware=[Middleware(Guard, names=names, version=version)],
        exception_handlers={
            ValueError: refused(400),
            LookupError: refused(404),
            OSError: unreadable,
            RefusedError: told,
            HTTPException: unanswered,
            BusyError: busy,
        },
        lifespan=lifespan,
    )
