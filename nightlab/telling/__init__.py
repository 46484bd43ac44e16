"""What is told of a study, on the terminal and as JSON."""
