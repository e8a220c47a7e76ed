"""Jobs: every long verb as durable work that outlives the process which runs it."""
