"""The roles filled by a language model, with their prompts beside them."""
