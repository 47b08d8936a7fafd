"""The steady load: the only code that imports locust."""
