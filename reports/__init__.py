"""Mergeable statistics of a run's layers, and the report that shows them."""
