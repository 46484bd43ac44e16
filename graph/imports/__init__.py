"""Between the folders of other systems and templates, both ways."""
