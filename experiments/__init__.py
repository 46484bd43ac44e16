"""The inner autoresearch loop: template, runner, evaluation, decision, search, ledger, confirmation."""
