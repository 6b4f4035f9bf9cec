"""The scenarios, a file each; a new one is found by itself."""
