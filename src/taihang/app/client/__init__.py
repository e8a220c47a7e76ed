"""Client: a platform on another machine, from Python. `taihang.Client(url, token)`."""
