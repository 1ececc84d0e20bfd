"""What people or image processing mark on images: masks and boxes, exported, read, drawn automatically."""
