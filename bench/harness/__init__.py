"""The same work done by us and by others, and what each took for it."""
