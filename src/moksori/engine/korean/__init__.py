"""Written Korean to Korean as spoken, and that to phonemes. Pure: no model, file handle or clock after import."""
