"""Opens pages in a real Chromium that reaches nothing but what the egress gate lets through."""
