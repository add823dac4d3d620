"""Plain building blocks; inside, features are (N, C, V, T)."""
