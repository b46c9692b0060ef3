"""Live calls: the conductor of each, and the register of all."""
