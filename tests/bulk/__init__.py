"""Many shares."""
