"""The editable files: in one exact version, what differs between two, and which lines may change."""
