"""The panel measured: clean papers, and the same with damage."""
