"""Whether teams pull the same way: their metrics, the journey's owners, the commercial brief."""
