"""For whoever tests a step: parameter files, and an emulator of Google Calendar to play them against."""
