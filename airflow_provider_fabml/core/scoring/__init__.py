"""What is asked of a batch endpoint: inputs, outputs, settings, and whom the scoring belongs to."""
