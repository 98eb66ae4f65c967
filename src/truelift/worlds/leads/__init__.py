"""A company that sells software for warehouses, whose form asks two questions too many."""
