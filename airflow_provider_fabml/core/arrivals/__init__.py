"""What has arrived in a tree of partitions, what was told of it, and what is due to be scored."""
