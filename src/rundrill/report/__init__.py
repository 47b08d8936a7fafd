"""Events to HTML, JSON, JUnit and console lines. Reads events; never a cluster or a clock."""
