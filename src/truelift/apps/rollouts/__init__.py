"""Winners on their way to visitors, and what it costs while they are not there."""
