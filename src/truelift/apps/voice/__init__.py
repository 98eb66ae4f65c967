"""What customers say: notes, the call, codes, phrases, claims, themes."""
