"""The only door for views, commands and tasks: only here is it known that there is a remote API."""
