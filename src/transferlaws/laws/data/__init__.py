"""Tables of runs, and the cells they come to."""
