"""The keeper program: holds what the chain assigns to it, serves it, and proves it (docs/protocol.md §9)."""
