"""Compression of responses, shared by `compression` and `gzip`."""
