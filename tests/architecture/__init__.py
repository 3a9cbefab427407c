"""The house rules that a linter does not know, held against the source itself."""
