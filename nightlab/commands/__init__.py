"""The commands, one module each; `nightlab/cli.py` makes them known.

A command is a function whose annotations are typer's. It imports what is heavy when it runs, so that help answers at
once, and raises NightlabError for what a user can do something about.
"""
