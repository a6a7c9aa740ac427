"""What one asks of laws: which predicts, are two the same, can a design see one."""
