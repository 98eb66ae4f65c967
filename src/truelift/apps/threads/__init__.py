"""What happened to an item and what people said about it, in the order in which it did."""
