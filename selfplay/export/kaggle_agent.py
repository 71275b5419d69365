"""A player for Kaggle's ConnectX in one file that needs numpy alone: a network, and a tree search by the clock.

The search is Gumbel's (Danihelka et al. 2022, equations by their numbers there) without noise: the moves at the root
share the time, the better ones get more of it (sequential halving), and each has a tree of its own, so that one leaf
of every tree is evaluated in the same call. Proven wins, draws and losses are carried up the trees.

B positions of a batch, P planes, C channels, H height, W width, A actions (columns from the left). A set of stones
is an integer with bit `column * (HEIGHT + 1) + row`, row 0 at the bottom; the bit above each column stays free.
Values and proofs are seen by the player to move: +1 wins, 0 draws, -1 loses.
"""

import base64
import math
import time

import numpy as np

ABOUT = {}  # the network: where it comes from
HEIGHT, WIDTH, IN_A_ROW = 6, 7, 4
TIME_SHARE = 0.5  # of Kaggle's seconds for a move; the rest is for slow machines
C_VISIT, C_SCALE = 50.0, 0.1
NODES = []  # the network as the operators of an ONNX graph: (operator, inputs, output, attributes)
SHAPES = {}  # of its weights, by name
WEIGHTS = ""  # all of them in that order, float16, base64

STRIDE = HEIGHT + 1
COLUMNS = [((1 << HEIGHT) - 1) << column * STRIDE for column in range(WIDTH)]
BITS_HW = np.array([[column * STRIDE + row for column in range(WIDTH)] for row in reversed(range(HEIGHT))], np.uint64)


def conv(x_BCHW, matrix, bias, kernel_shape, pads, strides):
    """A convolution that keeps the board's size, of a kernel laid out by `laid_out`; on [B, H, W, C] in memory."""
    x_BHWC = x_BCHW.transpose(0, 2, 3, 1)
    rows, height, width, channels = x_BHWC.shape
    if pads[0]:
        size, pad = kernel_shape[0], pads[0]
        padded = np.zeros((rows, height + 2 * pad, width + 2 * pad, channels), np.float32)
        padded[:, pad:-pad, pad:-pad] = x_BHWC
        batch, down, right, channel = padded.strides
        shape, strides = (rows, height, width, size, size * channels), (batch, down, right, down, channel)
        x_BHWC = np.lib.stride_tricks.as_strided(padded, shape, strides)  # a row of a kernel lies together in memory
    y = x_BHWC.reshape(-1, len(matrix)) @ matrix + bias
    return y.reshape(rows, height, width, -1).transpose(0, 3, 1, 2)


def softmax(x, axis):
    raised = np.exp(x - x.max(axis=axis, keepdims=True))
    return raised / raised.sum(axis=axis, keepdims=True)


OPERATORS = {
    "Add": lambda a, b: a + b,
    "AveragePool": lambda x, kernel_shape: x.mean(axis=(2, 3), keepdims=True),  # over the whole board
    "Concat": lambda *parts, axis: np.concatenate(parts, axis=axis),
    "Conv": conv,
    "Flatten": lambda x: x.reshape(len(x), -1),
    "Gemm": lambda x, matrix, bias, transB: x @ matrix + bias,  # laid_out has transposed the matrix
    "MaxPool": lambda x, kernel_shape: x.max(axis=(2, 3), keepdims=True),
    "Relu": lambda x: np.maximum(x, 0.0),
    "Softmax": softmax,
    "Unsqueeze": lambda x, axes: np.expand_dims(x, tuple(axes)),
}


def laid_out(array):
    """Weights [outputs, inputs] and [outputs, inputs, rows, columns of the kernel] as a matrix to multiply by."""
    if array.ndim < 2:
        return array
    return np.ascontiguousarray(np.moveaxis(array, 1, -1).reshape(len(array), -1).T)


def unpacked():
    """The weights by name, float32."""
    sizes = [math.prod(shape) for shape in SHAPES.values()]
    numbers = np.frombuffer(base64.b64decode(WEIGHTS), "<f2").astype(np.float32)
    parts = np.split(numbers, np.cumsum(sizes)[:-1])
    return {name: laid_out(part.reshape(shape)) for (name, shape), part in zip(SHAPES.items(), parts, strict=True)}


CONSTANTS = unpacked() if SHAPES else {}


def forward(planes_BPHW):
    """Policy logits [B, A], and probabilities [B, 3] to win, draw and lose."""
    values = {"planes": planes_BPHW, **CONSTANTS}
    for operator, inputs, output, attributes in NODES:
        values[output] = OPERATORS[operator](*(values[name] for name in inputs), **attributes)
    return values["policy"], values["wdl"]


def planes_of(nodes):
    """What the network sees: the mover's stones, the opponent's, ones, and ones where the mover began the game."""

    def cells(stones):
        return np.array(stones, np.uint64)[:, None, None] >> BITS_HW & np.uint64(1)

    planes = np.ones((len(nodes), 4, HEIGHT, WIDTH), np.float32)
    planes[:, 0] = cells([node.own for node in nodes])
    planes[:, 1] = cells([node.own ^ node.mask for node in nodes])
    planes[:, 3] = np.array([bin(node.mask).count("1") % 2 == 0 for node in nodes])[:, None, None]
    return planes


def has_line(stones):
    for shift in (1, STRIDE - 1, STRIDE, STRIDE + 1):
        run = stones
        for i in range(1, IN_A_ROW):
            run &= stones >> i * shift
        if run:
            return True
    return False


class Node:
    """A position of the tree. It looks two moves ahead: who can win at once has won, a single threat must be answered,
    and against two nothing helps."""

    __slots__ = ("children", "logits", "mask", "moves", "own", "plies", "proven", "total", "value", "visits")

    def __init__(self, own, mask):
        self.own, self.mask = own, mask
        self.moves = [column for column in range(WIDTH) if ~mask & COLUMNS[column]]
        self.logits = {}  # log of the network's probability of each move; empty until it is evaluated
        self.children = {}  # by the move that leads there; tried ones only
        self.visits, self.total, self.value = 0, 0.0, 0.0
        self.proven, self.plies = None, 0  # plies to the end of the game where proven
        if has_line(own ^ mask):
            self.proven = -1
        elif not self.moves:
            self.proven = 0
        elif any(has_line(own | self.stone(move)) for move in self.moves):
            self.proven, self.plies = 1, 1
        else:
            threats = [move for move in self.moves if has_line(own ^ mask | self.stone(move))]
            if len(threats) > 1:
                self.proven, self.plies = -1, 2
            elif threats:
                self.moves = threats

    def stone(self, move):
        return (self.mask + (1 << move * STRIDE)) & COLUMNS[move]

    def child(self, move):
        if move not in self.children:
            self.children[move] = Node(self.own ^ self.mask, self.mask | self.stone(move))
        return self.children[move]

    def settle(self):
        """Prove this position where its children's proofs do: a win is enough, else all must be known."""
        known = [child for child in self.children.values() if child.proven is not None]
        worst = min((child.proven for child in known), default=1)
        if worst == -1 or len(known) == len(self.moves):
            plies = [child.plies + 1 for child in known if child.proven == worst]
            self.proven, self.plies = -worst, min(plies) if worst == -1 else max(plies)


def q_of(child):
    """A visited child's value to the player to move at its parent."""
    return -child.total / child.visits if child.proven is None else -child.proven


def improved(node):
    """Logit + sigma(completed Q) of each move that is not proven lost (equations 8 and 33)."""
    tried = {move: child for move, child in node.children.items() if child.proven != 1}
    completion, most = node.value, 0
    if tried:
        visits = sum(child.visits for child in tried.values())
        most = max(child.visits for child in tried.values())
        priors = {move: math.exp(node.logits[move]) + 1e-9 for move in tried}
        mean = sum(priors[move] * q_of(child) for move, child in tried.items()) / sum(priors.values())
        completion = (completion + visits * mean) / (1 + visits)
    factor = (C_VISIT + most) * C_SCALE
    return {
        move: logit + factor * (q_of(tried[move]) if move in tried else completion)
        for move, logit in node.logits.items()
        if move in tried or move not in node.children
    }


def select(node):
    """Inside a tree: the move whose visits lag the improved policy most (equation 14), proven ones aside."""
    scores = improved(node)
    top = max(scores.values())
    weights = {move: math.exp(score - top) for move, score in scores.items()}
    total = sum(weights.values())
    visits = {move: node.children[move].visits if move in node.children else 0 for move in weights}
    tries = 1 + sum(visits.values())
    unsettled = [move for move in weights if move not in node.children or node.children[move].proven is None]
    return max(unsettled, key=lambda move: weights[move] / total - visits[move] / tries)


def descend(node):
    """The way down to a position that is new, and leaves a choice: an only move is made without asking the network."""
    path = [node]
    while node.proven is None and (node.logits or len(node.moves) == 1):
        node = node.child(select(node) if len(node.moves) > 1 else node.moves[0])
        path.append(node)
    return path


def evaluate(nodes):
    """Ask the network about positions that are not over."""
    logits_BA, wdl_B3 = forward(planes_of(nodes))
    for node, logits_A, (win, _, loss) in zip(nodes, logits_BA.tolist(), wdl_B3.tolist(), strict=True):
        top = max(logits_A[move] for move in node.moves)
        log_sum = top + math.log(sum(math.exp(logits_A[move] - top) for move in node.moves))
        node.logits = {move: logits_A[move] - log_sum for move in node.moves}
        node.value = win - loss


def backup(path):
    """Count the leaf's value, or what it proves, all the way up."""
    below, value = None, path[-1].value
    for node in reversed(path):
        if below is not None and below.proven is not None:
            node.settle()
            if any(child.proven == 0 for child in node.children.values()):
                value = max(value, 0.0)  # a sure draw is the least
        if node.proven is not None:
            value = node.proven
        node.visits += 1
        node.total += value
        below, value = node, -value


def search(own, mask, deadline):
    """The move for the player with stones `own` among all stones `mask`, by `deadline` on `time.perf_counter`."""
    root = Node(own, mask)
    if len(root.moves) == 1:
        return root.moves[0]
    evaluate([root])
    for move in root.moves:
        root.child(move)
    root.settle()
    contenders = root.moves
    phases = max(1, math.ceil(math.log2(len(contenders))))
    now = started = time.perf_counter()
    slowest = 0.0
    for phase in range(phases):
        if root.proven is not None:
            break
        if phase:
            scores = improved(root)
            ranked = sorted((move for move in contenders if move in scores), key=lambda move: -scores[move])
            contenders = ranked[: max(2, len(root.moves) >> phase)]
        until = started + (deadline - started) * (phase + 1) / phases
        while root.proven is None and (now + slowest <= until or not root.visits):
            hopeful = [move for move in root.moves if root.children[move].proven != 1]
            if len(hopeful) == 1:
                return hopeful[0]
            paths = [[root, *descend(root.children[move])] for move in contenders if root.children[move].proven is None]
            if not paths:
                break
            fresh = [path[-1] for path in paths if path[-1].proven is None]
            if fresh:
                evaluate(fresh)
            for path in paths:
                backup(path)
            then, now = now, time.perf_counter()
            slowest = max(0.9 * slowest, now - then)
    if root.proven is not None:  # the quickest win, or the longest loss
        fits = [move for move, child in root.children.items() if child.proven == -root.proven]
        return min(fits, key=lambda move: root.proven * root.children[move].plies)
    scores = improved(root)
    return max([move for move in contenders if move in scores] or scores, key=lambda move: scores[move])


def field(record, name):
    return record[name] if isinstance(record, dict) else getattr(record, name)


def agent(observation, configuration):
    """What Kaggle calls, the last function of the file: a column for `observation.mark` on `observation.board`."""
    started = time.perf_counter()
    board, width = field(observation, "board"), field(configuration, "columns")
    legal = [column for column in range(width) if board[column] == 0]
    central = min(legal, key=lambda column: abs(column - (width - 1) / 2))
    try:
        if (field(configuration, "rows"), width, field(configuration, "inarow")) != (HEIGHT, WIDTH, IN_A_ROW):
            return central  # another game than the one that was learned
        bits = BITS_HW.ravel().tolist()
        own = sum(1 << bit for bit, mark in zip(bits, board, strict=True) if mark == field(observation, "mark"))
        mask = sum(1 << bit for bit, mark in zip(bits, board, strict=True) if mark)
        move = search(own, mask, started + TIME_SHARE * field(configuration, "actTimeout"))
        return move if move in legal else central
    except Exception:  # whatever it was: any legal move is better than a game given away
        return central
