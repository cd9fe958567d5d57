"""OneLake's own paths, and where a shortcut on them leads."""
