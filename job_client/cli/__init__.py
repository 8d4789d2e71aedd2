"""The `foregsyte` command: one module per group of subcommands."""
