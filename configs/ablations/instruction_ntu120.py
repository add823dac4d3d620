# The question that BLIP answers about each image; Table 9 of the paper.
# python tools/ablation.py configs/ablations/instruction_ntu120.py --processes 2
_base_ = './_base_/text.py'

title = 'Text instruction'
questions = dict(
    touching_head='Whether the hands are touching head?',
    touching_foot='Whether the hands are touching foot?',
    holding_object='Whether the person are holding object?',
)
variants = {
    name: dict(
        title=question,
        options=dict(text_file=f'data/ntu120/text_{name}/hidden_states.safetensors'),
        prepare=[
            dict(
                makes=f'data/ntu120/text_{name}/hidden_states.safetensors',
                command=(
                    'data/extract_text_features.py',
                    'configs/preparation/text_blip.py',
                    'data/ntu120/composites',
                    f'data/ntu120/text_{name}',
                    '--cfg-options',
                    f'question={name}',
                ),
            )
        ],
    )
    for name, question in questions.items()
}
