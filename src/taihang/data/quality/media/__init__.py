"""Media: a folder of pictures, films, sounds, texts and their labels, observed as tables that rules judge."""
