"""Kinetic Task: its package, its definitions, and the two ends of the bridge from Ruby to Python."""
