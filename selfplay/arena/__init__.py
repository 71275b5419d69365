"""Who plays whom, from which openings, when, and what is written down."""
