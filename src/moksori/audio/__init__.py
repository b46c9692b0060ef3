"""Samples and nothing else: PCM16, G.711, resampling, framing, mel features, WAV. Pure."""
