"""Who thinks: five roles and the teams that fill them."""
