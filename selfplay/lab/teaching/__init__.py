"""Human knowledge of Connect Four, handed from outside to what learns: planes, an expert's games, and questions."""
