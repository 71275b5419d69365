"""What people know of Gomoku: shapes, threats, VCF and VCT; alpha-beta over them."""
