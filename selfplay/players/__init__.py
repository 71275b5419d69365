"""One interface and one grammar for everyone who can move."""
