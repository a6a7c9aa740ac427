"""One run: a spec in, a record out. `spec` and `tuning` are torch-free; the rest trains."""
