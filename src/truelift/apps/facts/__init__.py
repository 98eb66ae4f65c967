"""Numbers of every day that come in from everywhere, and the metric that all agree on."""
