"""Connection fields become values, or are refused."""
