"""Artifacts: where they are (storage), whether they may be reached (network), what they hold."""
