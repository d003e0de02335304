"""Main text of HTML pages, without a tree: blocks, features, boosted trees, and a choice by expected F1."""
