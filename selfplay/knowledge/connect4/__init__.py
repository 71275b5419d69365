"""What people know of Connect Four: lines, threats, zugzwang; alpha-beta over them."""
