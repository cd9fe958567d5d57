"""How Azure ML is spoken to: addresses, requests and answers as values."""
