"""How the tables of surfaces came to be."""
