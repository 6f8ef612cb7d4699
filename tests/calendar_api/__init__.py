"""Requests, tokens and connections."""
