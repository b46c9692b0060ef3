"""The pure core of a conversation: when a turn ends, what an answer is, what was heard."""
