"""Quality: a rulebook over tables that are read where they lie; every bad row is known, in bounded memory."""
