"""`moksori bench relay`: what a relayed message costs, beside nginx and LiteLLM in the same run."""
