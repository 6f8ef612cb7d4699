"""What the performance claims rest on: `python -m benchmarks` measures them and prints a table."""
