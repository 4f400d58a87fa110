"""The HTTP API: the same plans, receipts and audit log, for scripts with a personal token."""
