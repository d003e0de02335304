"""Recipes that people start from: copy one, change it, run it."""
