"""The autoresearch loop: its runs, its verdicts and whoever watches over it."""
