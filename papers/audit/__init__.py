"""What a machine can see to be wrong in a paper."""
