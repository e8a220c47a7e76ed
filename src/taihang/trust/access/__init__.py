"""Access: who may do what, decided by Cedar policies; masking, secrets by reference, rates, CSRF."""
