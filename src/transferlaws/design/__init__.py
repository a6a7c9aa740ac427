"""What is asked, and how large: values."""
