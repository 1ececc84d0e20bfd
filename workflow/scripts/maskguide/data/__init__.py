"""Images on their way in: downloads, archives, the publishers' layouts, the index, the store."""
