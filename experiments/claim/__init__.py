"""What a claim rests on: selection, confirmation, ablation, sensitivity and their statistics."""
