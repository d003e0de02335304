"""Scorers for text, image and pairs, and the rules that turn their columns into keep or drop."""
