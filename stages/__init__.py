"""What you run: one file per command, each reads top to bottom like the method section of a paper."""
