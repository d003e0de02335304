"""Duplicates: keys that find them, and the election of the one that is kept."""
