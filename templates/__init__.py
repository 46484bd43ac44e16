"""The research templates that ship with nightlab, each a folder with a template.toml."""
