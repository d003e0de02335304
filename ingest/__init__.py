"""Inputs to records and documents: WARC, WET and tables; charset; HTML to text; URLs."""
