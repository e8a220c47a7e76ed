"""The judge that was learned: a graph-attention network over single events."""
