# LLaVA-1.5; any image-text-to-text model of transformers takes its place by name.
_base_ = './_base_/vqa.py'

source = dict(
    type='ImageTextVQA',
    model='llava-hf/llava-1.5-7b-hf',
    outputs=('token_ids', 'hidden_states', 'answer_probs'),
    answers=('Yes', 'No'),
)
