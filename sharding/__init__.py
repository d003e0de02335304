"""Shards: the order of samples, the split, and WebDataset, Parquet and JSON Lines files with their index and check."""
