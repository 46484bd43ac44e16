"""What a study leaves behind in the program that it began with: its kept changes, one by one."""
