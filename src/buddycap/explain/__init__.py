"""From a kernel's own text to an answer: why a request failed, how fragmented memory is, where the time went."""
