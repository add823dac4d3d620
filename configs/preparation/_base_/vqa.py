# Questions about a composite, by name; `question` may also be any other text.
prompts = dict(
    # Table 9 of MMCL (arXiv 2407.15706), as printed.
    touching_head='Whether the hands are touching head?',
    touching_foot='Whether the hands are touching foot?',
    holding_object='Whether the person are holding object?',
    # The reference implementation asks all its models this.
    holding_objects='whether the people are holding objects?',
)
question = 'holding_object'  # the best of Table 9

batch_size = 16  # another size may change the last bits of the features
chunk_size = 64  # samples of a shard: what an interruption loses at most, per process
