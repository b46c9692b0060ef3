"""Benchmarks of voice and relay, and what they measure with."""
