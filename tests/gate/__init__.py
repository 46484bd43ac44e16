"""Sentences for the gate as data files, and the study that their ids come from."""
