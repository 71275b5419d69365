"""What people know of Gomoku: shapes, threats, continuous fours; alpha-beta over them."""
