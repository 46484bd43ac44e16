"""What several commands share: their options, work on a study until Ctrl-C, how a command ends."""
