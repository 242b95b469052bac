"""The demo catalogue: a made-up shop whose listings and images are drawn from a seed."""
