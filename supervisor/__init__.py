"""Runs the whole system as one foreground program: `python -m supervisor`, the second half of `make run`.

Standard library only, and nothing of the site or the workers is imported: they are separate programs
that this one starts, watches and stops.
"""
