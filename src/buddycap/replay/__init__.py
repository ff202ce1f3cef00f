"""Recorded machines followed through their traces, and what would have been."""
