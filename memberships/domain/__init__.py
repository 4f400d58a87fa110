"""People, plans and guards as plain values: standard library only, no I/O."""
