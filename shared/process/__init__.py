"""What every process needs: settings, logging, signals, exit codes, a clock, plugins."""
