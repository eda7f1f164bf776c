"""What is observed of requests and parts: the record of a request, the log, metrics, health checks."""
