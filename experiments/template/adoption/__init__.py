"""Adoption: what a foreign folder holds, read and never run, and the template that is made of it."""
