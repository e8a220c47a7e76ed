"""Select: from packets, key frames and a few vectors to the frames worth looking at."""
