"""Who may talk to this server: keys, client secrets, origins."""
