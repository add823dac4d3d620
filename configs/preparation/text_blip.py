# BLIP VQA, the paper's choice.
_base_ = './_base_/vqa.py'

source = dict(
    type='BlipVQA',
    model='Salesforce/blip-vqa-capfilt-large',
    outputs=('token_ids', 'hidden_states', 'answer_probs'),
    answers=('yes', 'no'),
)
