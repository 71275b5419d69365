"""Text that comes from files and from other programs, fit to be printed."""


def visible(text: str) -> str:
    """The text with all that a terminal would obey (control characters, escape sequences, letters that turn the
    direction of writing) or could not show as `\\x1b`, so that it can be read and does nothing."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
