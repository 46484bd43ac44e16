"""The knobs of a template: which values are valid together, how a run gets them, and those found in code."""
