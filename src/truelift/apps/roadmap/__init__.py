"""The roadmap: who changes what, when, and what is in whose way."""
