"""One module a verb, imported when it is called."""
