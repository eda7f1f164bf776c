"""The record of each request, and what reads it: the log and metrics; health checks."""
