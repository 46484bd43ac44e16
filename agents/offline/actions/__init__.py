"""The actions that ship, and the further tests among them."""
