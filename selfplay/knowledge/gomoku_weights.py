"""What shapes are worth: the weights of two regressions on games of this player against itself.

A cell counts by the best two of its four shapes. Row s of a table holds the worths of best shape s and second best
0 to s, numbered as in `gomoku_shapes`.
"""

# fmt: off

# In the evaluation, to the side that is to move and to the other, in 1/256 of a unit of log-odds of the result
# (logistic regression, ridge). Open fours and fives of the mover are wins and never get here.
MOVER = (
    0,
    2, 8,
    -3, -7, -5,
    1, -1, -4, -2,
    3, 4, 2, 6, 20,
    0, -5, -2, 0, 13, 2,
    -1, 6, -4, -1, 24, 2, 22,
    -2, -7, -1, 5, 20, 5, 16, 18,
    10, 0, 14, 19, 45, 40, 51, 48, 96,
    -5, 17, 3, 20, 46, 33, 82, 76, 80, 76,
    5, 4, 16, 11, 36, 47, 62, 36, 59, 64, 51,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
)
WAITING = (
    0,
    2, 6,
    -4, -8, -6,
    -1, 0, -5, -3,
    3, 5, 4, 8, 20,
    1, -6, -3, -2, 11, -1,
    -2, 5, -6, -3, 20, 2, 16,
    -4, -7, -2, 4, 16, 4, 14, 17,
    8, 1, 11, 15, 39, 34, 35, 38, 76,
    -7, 3, -5, 17, 30, 16, 47, 43, 73, 47,
    5, 9, 15, 12, 28, 37, 46, 34, 50, 29, 24,
    28, 40, 56, 54, 58, 50, 73, 42, 73, 67, 66, 97,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
)
DOUBLE_THREE_AT_HAND = 382  # the mover can make two open threes

# In the order of moves, in 1/100 of a unit of log-probability that a search chooses the cell (softmax over cells):
# for what it makes of the mover's own stones, and for what it keeps from the other's.
MAKES = (
    0,
    14, 48,
    14, 45, 46,
    28, 57, 56, 66,
    68, 97, 96, 106, 106,
    114, 164, 141, 150, 257, 257,
    133, 185, 186, 193, 304, 304, 347,
    152, 171, 156, 171, 277, 277, 325, 337,
    337, 381, 372, 385, 501, 501, 545, 559, 650,
    485, 470, 507, 518, 587, 587, 593, 603, 650, 650,
    372, 423, 406, 443, 562, 562, 588, 592, 750, 750, 900,
    900, 900, 900, 900, 900, 900, 900, 900, 900, 900, 900, 900,
    2000, 2000, 2000, 2000, 2000, 2000, 2000, 2000, 2000, 2000, 2000, 2000, 2000,
)
STOPS = (
    0,
    14, 49,
    29, 54, 44,
    34, 53, 54, 48,
    74, 93, 94, 88, 88,
    102, 139, 102, 102, 193, 193,
    122, 169, 144, 140, 234, 234, 272,
    134, 166, 116, 125, 219, 219, 273, 274,
    329, 370, 341, 344, 448, 448, 487, 519, 691,
    486, 487, 496, 489, 604, 604, 611, 632, 690, 650,
    366, 382, 339, 377, 498, 498, 531, 551, 680, 670, 700,
    660, 660, 674, 685, 694, 694, 695, 697, 660, 660, 660, 660,
    1500, 1500, 1500, 1500, 1500, 1500, 1500, 1500, 1500, 1500, 1500, 1500, 1500,
)
# fmt: on
