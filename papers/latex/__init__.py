"""LaTeX: from a manuscript to a PDF."""
