"""A sandbox from outside: how strong this machine can make it, what it shows, how it is started and spoken with."""
