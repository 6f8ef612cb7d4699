"""Kinetic Task."""
