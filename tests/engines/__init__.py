"""The step on real workflow engines, each with an environment of its own: make test-engines."""
