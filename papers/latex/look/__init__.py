"""How a paper looks: the default look, or that of a venue with its page limit."""
