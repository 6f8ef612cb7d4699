"""The step as an activity of Temporal, on its real servers."""
