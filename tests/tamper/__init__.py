"""Alterations of a finished study, each of which verification has to find."""
