"""What a reader can see to be wrong in a paper by its words, its numbers and its structure."""
