"""How fast nodes find together, and whether they stay together: `make bench-network`."""
