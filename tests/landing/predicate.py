"""A user's own rule, in a module that can be imported."""


def is_final(name: str, _size: int, _etag: str, _last_modified: object) -> bool:
    """Whether a file is no draft."""
    return not name.startswith("draft")
