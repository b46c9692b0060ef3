"""The local backend: what hears, thinks and speaks on this machine's CPU."""
