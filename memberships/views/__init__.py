"""Guard, form, one service call, answer."""
