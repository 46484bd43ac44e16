"""The data of a study: laid out, measured, and what of them stands where it should not."""
