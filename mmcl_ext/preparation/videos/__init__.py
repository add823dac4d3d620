"""Videos, depth recordings and the cameras that took them."""
