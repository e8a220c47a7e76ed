"""Tasks: independent pieces of one work, here or on a cluster, with one contract."""
