"""Other people's tools on our domain, for replaying their benchmarks."""
