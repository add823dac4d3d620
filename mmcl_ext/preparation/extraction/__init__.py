"""What every extraction shares: shards, resuming, reports and options."""
