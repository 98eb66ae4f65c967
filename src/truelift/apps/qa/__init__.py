"""Quality before a start: whose hosts, which devices, which events, what was seen."""
