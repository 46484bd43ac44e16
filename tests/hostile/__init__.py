"""Programs and documents that try to break out, and what must happen to them."""
