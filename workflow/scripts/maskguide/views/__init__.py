"""What changes what a network sees."""
