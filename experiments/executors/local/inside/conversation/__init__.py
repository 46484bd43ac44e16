"""Where a judge calls the candidate: the messages, and both ends of them."""
