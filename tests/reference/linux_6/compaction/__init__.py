"""The twin of compaction in Linux 6.1, and of the slow path around it, written from the text of its vectors.

pages.py        units of pages in use, their kinds, and what compaction keeps about a zone
scanners.py     where to take pages from, and where to put them
run.py          one zone: suitable, finished, the loop, migration, capture
daemons.py      several zones: direct compaction, deferral, kcompactd, proactive and manual runs
slowpath.py     an allocation from its beginning to its end, with reclaim that follows a script
replay.py       the meaning of the lines of a vector
"""
