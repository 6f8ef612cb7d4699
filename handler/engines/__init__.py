"""One module per engine; each thin, none imported by the core."""
