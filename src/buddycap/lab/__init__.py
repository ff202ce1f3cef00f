"""Experiments: conformance with recordings of the kernel's code, and the studies."""
