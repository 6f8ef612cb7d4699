"""What cuts across the modules: cases, faults, secrets, loading, packaging, docs."""
