"""The promises of the handler, one a test."""
