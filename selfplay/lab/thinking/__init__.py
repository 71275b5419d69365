"""Players of several ages that think for several numbers of simulations: how strong they are, and pictures of it."""
