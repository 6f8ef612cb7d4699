"""Foreign clients on the emulator, with environments of their own: make test-clients."""
