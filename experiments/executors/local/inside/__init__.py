"""What runs in the sandbox's own processes: standard library only, imported by path and never as part of nightlab."""
