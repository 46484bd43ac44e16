"""Access to chat models: a question in, a checked answer out, metered, recorded and retried."""
