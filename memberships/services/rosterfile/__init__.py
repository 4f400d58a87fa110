"""The roster file: an organization's people as YAML, written, read, and set against what is true now."""
