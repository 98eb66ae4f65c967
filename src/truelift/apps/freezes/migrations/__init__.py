"""How the tables of freezes and deploy checks came to be."""
