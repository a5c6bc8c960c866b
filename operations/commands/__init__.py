"""One module a command: its options, its progress, what it prints."""
