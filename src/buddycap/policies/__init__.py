"""Policies as data: rows, and the files that hold them."""
