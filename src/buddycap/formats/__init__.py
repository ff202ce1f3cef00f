"""What comes in and goes out: kernel texts, page recordings, traces."""
