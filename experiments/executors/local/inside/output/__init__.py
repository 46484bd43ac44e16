"""What comes out of a run: what it prints and says of its metrics, the files that it leaves, how it failed."""
