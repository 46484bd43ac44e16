"""A study: its folder, its settings, its sessions and its budget."""
