"""Causes: which kinds of events bring about which, judged from times; "insufficient evidence" is an answer."""
