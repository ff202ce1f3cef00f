"""The twin of compaction in Linux 6.1: what it does its own way."""
