"""Files in and out: our own CSV and JSON, and tau2-bench's world."""
