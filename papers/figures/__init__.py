"""Figures: data in, a PDF of vectors out."""
