"""Recordings of kernels, played against the simulation."""
