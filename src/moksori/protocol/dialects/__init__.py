"""Other tongues than GA, translated at the edge. Pure."""
