"""The words of the platform. No input or output, and no heavy import."""
