"""Tiny GPT-2s: the ladder of sizes (torch-free) and the language model itself."""
