"""The documents of a ledger: what there is one of in a study, or one of a kind, each a frozen record.

Those that the experiments write are here; a room above registers its own beside its records (`kinds.py`). A record is
written and read by its type; the name of its kind stands at its registration alone.
"""
