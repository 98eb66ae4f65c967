"""Calendar feeds: the roadmap in the calendars that people already have."""
