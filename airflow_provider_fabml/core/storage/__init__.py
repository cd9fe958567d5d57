"""Paths in every spelling, and when data has landed."""
