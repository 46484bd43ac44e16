"""From evidence to PDF: evidence, figures, tables, literature, manuscript, LaTeX, audit."""
