"""What evaluators import of OpenEvolve."""
