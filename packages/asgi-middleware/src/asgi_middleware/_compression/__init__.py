"""Compression of responses, which `compression` and `gzip` have in common."""
