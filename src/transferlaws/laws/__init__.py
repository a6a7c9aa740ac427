"""Laws from tables of (n_params, d_chars, loss): curves, effective data, transfer laws and their uncertainty.

Nothing here knows of corpora, models or torch: any table of runs will do.
"""
