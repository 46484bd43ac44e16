"""What the roles by a model and the roles without one both say and show."""
