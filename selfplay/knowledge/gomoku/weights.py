"""What shapes are worth: the weights of two regressions on games of this player against itself.

A cell counts by the best two of its four shapes. Row s of a table holds the worths of best shape s and second best
0 to s, numbered as in `gomoku_shapes`.

The evaluation was fitted to 39,648 undecided positions of 3,239 games on 15x15 at 1,000 nodes a move from random even
openings: to the result, and by three tenths to what the search said. On games left out its cross-entropy with the
result is 0.610 nats; with the weights before, of games in which the search still confused colours, 0.636. In play the
two are equal: +1 Elo [-26, +28] over 500 games at 10,000 nodes.
"""

# fmt: off

# In the evaluation, to the side that is to move and to the other, in 1/256 of a unit of log-odds of the result
# (logistic regression, ridge). Open fours and fives of the mover are wins and never get here. The mover has won
# already where more is certain, so what is left is worth TEMPO less.
TEMPO = -90
MOVER = (
    0,
    -34, -28,
    -16, -22, -23,
    -12, -29, -24, -24,
    -4, -17, -2, -2, 17,
    -8, -9, -19, -16, 12, -2,
    -30, -38, -23, -14, 11, -6, 0,
    -2, -21, -13, -13, 19, 8, 7, 32,
    -13, -20, 17, 10, 29, 26, 49, 46, 44,
    -32, -5, 6, 10, 23, 33, 49, 38, 11, 19,
    12, -57, 27, 26, 37, 51, 59, 36, 54, 42, 57,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
)
WAITING = (
    2,
    -42, -33,
    -18, -23, -24,
    -17, -30, -26, -24,
    -8, -25, -6, -3, 17,
    -15, -13, -20, -16, 12, -4,
    -26, -37, -22, -21, 13, -12, -5,
    -9, -26, -19, -11, 19, 10, 5, 30,
    -22, -20, 11, 11, 41, 26, 40, 63, 86,
    -15, -37, -4, 12, 29, 29, 47, 58, 45, 39,
    -7, -38, 23, 24, 46, 51, 63, 58, 116, 82, 56,
    115, 51, 120, 128, 137, 177, 184, 110, 138, 135, 157, 256,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
)

# In the order of moves, in 1/100 of a unit of log-probability that a search chooses the cell (softmax over cells):
# for what it makes of the mover's own stones, and for what it keeps from the other's.
MAKES = (
    0,
    17, 3,
    -7, -6, -16,
    27, 52, 10, 41,
    67, 92, 50, 81, 81,
    57, 99, 38, 66, 102, 102,
    65, 117, 98, 101, 144, 144, 215,
    64, 99, 60, 79, 129, 129, 164, 142,
    306, 257, 285, 306, 379, 379, 440, 392, 560,
    343, 293, 437, 362, 435, 435, 485, 410, 560, 560,
    436, 450, 472, 480, 569, 569, 588, 550, 620, 620, 900,
    900, 900, 900, 900, 900, 900, 900, 900, 900, 900, 900, 900,
    2000, 2000, 2000, 2000, 2000, 2000, 2000, 2000, 2000, 2000, 2000, 2000, 2000,
)
STOPS = (
    0,
    -3, 68,
    -5, -15, -7,
    -6, 21, -7, -20,
    34, 61, 33, 20, 20,
    57, 43, 16, 7, 17, 17,
    51, 79, 24, 15, 45, 45, 98,
    44, 61, 35, 28, 63, 63, 75, 123,
    179, 175, 167, 157, 205, 205, 230, 261, 430,
    197, 220, 280, 231, 303, 303, 322, 326, 430, 430,
    243, 260, 244, 259, 311, 311, 347, 349, 520, 520, 620,
    610, 610, 610, 614, 631, 631, 644, 641, 610, 610, 610, 610,
    1500, 1500, 1500, 1500, 1500, 1500, 1500, 1500, 1500, 1500, 1500, 1500, 1500,
)
# fmt: on
