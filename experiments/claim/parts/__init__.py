"""What each part of the best contributes, and what a step of each knob costs."""
