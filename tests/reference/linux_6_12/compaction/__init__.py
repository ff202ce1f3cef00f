"""The twin of compaction in Linux 6.12: what it does its own way."""
