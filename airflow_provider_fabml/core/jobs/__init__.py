"""A job from its submission to its end: found, watched, explained, checked."""
