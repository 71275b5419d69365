"""How fast each part is here."""
