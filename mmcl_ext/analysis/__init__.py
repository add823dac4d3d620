"""Parameters and operations of networks."""
