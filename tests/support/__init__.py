"""What several tests need: no test stands here."""
